// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 (public domain, S. Vigna) */
uint64_t model_random(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint32_t model_below(struct model *m, uint32_t n)
{
	return (uint32_t)((model_random(&m->rng) >> 32) * n >> 32);
}

bool model_chance(struct model *m, uint32_t per_mille)
{
	return model_below(m, 1000) < per_mille;
}

void model_append(struct model_bytes *b, const void *data, size_t len)
{
	if (b->len + len > b->cap) {
		b->cap = (b->len + len) * 2 + 256;
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void say(struct model_bytes *b, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	model_append(b, text, vsnprintf(text, sizeof(text), format, args));
	va_end(args);
}

/* Bytes that hold no start line; line ends and the like are there to mislead. */
static void say_random(struct model *m, struct model_bytes *b, uint32_t len)
{
	static const char alphabet[] = "abcdefgh HTTP/0123\r\n:QZX\0\xff";
	char block[256];

	while (len) {
		uint32_t n = len < sizeof(block) ? len : sizeof(block);

		for (uint32_t i = 0; i < n; i++)
			block[i] = alphabet[model_below(m, sizeof(alphabet) - 1)];
		/* A short cycle is as good as more randomness, and cheaper. */
		model_append(b, block, n);
		for (len -= n; len >= sizeof(block); len -= sizeof(block))
			model_append(b, block, n);
	}
}

/* Whole messages, as a body may hold them. */
static uint32_t say_decoy(struct model *m, struct model_bytes *b, uint32_t len)
{
	static const char *const decoys[] = {
		"GET /decoy HTTP/1.1\r\nHost: decoy\r\n\r\n",
		"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"0\r\n\r\nPOST /decoy HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
	};
	const char *decoy = decoys[model_below(m, sizeof(decoys) / sizeof(decoys[0]))];

	if (strlen(decoy) > len)
		return 0;
	model_append(b, decoy, strlen(decoy));
	return strlen(decoy);
}

static void say_noise(struct model *m, struct model_bytes *b, uint32_t len)
{
	if (m->decoys && model_chance(m, 300))
		len -= say_decoy(m, b, len);
	say_random(m, b, len);
}

static uint32_t body_length(struct model *m)
{
	uint32_t kind = model_below(m, 100);

	if (m->mss[0] < 100 || m->mss[1] < 100)
		return model_below(m, 500);
	if (kind < 10)
		return 0;
	if (kind < 40)
		return model_below(m, 100);
	if (kind < 85)
		return model_below(m, 3000);
	if (kind < 99)
		return model_below(m, 20000);
	return model_below(m, 120000);
}

static const char *line_end(struct model *m)
{
	return model_chance(m, 20) ? "\n" : "\r\n";
}

static void say_filler(struct model *m, struct model_bytes *b)
{
	uint32_t cnt = model_below(m, 6);

	while (cnt--) {
		uint32_t len = model_chance(m, 30) ? model_below(m, 6000) : model_below(m, 60);

		say(b, "X-Filler-%u: ", model_below(m, 1000));
		for (; len; len--)
			model_append(b, "0123456789abcdef" + model_below(m, 16), 1);
		say(b, "%s", line_end(m));
	}
}

static void say_chunks(struct model *m, struct model_bytes *b, uint32_t len)
{
	while (len) {
		uint32_t n = 1 + model_below(m, model_chance(m, 300) ? 20 : 4000);

		if (n > len)
			n = len;
		say(b, model_chance(m, 100) ? "%x;name=\"va;lue\"\r\n" : "%x\r\n", n);
		say_noise(m, b, n);
		say(b, "\r\n");
		len -= n;
	}
	say(b, "0\r\n");
	if (model_chance(m, 200))
		say(b, "Trailer-One: 1\r\nContent-Type: trailer\r\n");
	say(b, "\r\n");
}

static bool is(const struct model_msg *msg, const char *method)
{
	return !strcmp(msg->method, method);
}

static void say_target(struct model *m, struct model_bytes *b, unsigned int i)
{
	if (is(&m->req[i], "CONNECT")) {
		say(b, "id-%u.example:443", i);
		return;
	}
	if (model_chance(m, 50))
		say(b, "http://h.example");
	say(b, "/%u", i);
	if (model_chance(m, 200)) {
		uint32_t len = model_chance(m, 100) ? model_below(m, 4000) : model_below(m, 40);

		say(b, "?q=");
		while (len--)
			model_append(b, "0123456789abcdef" + model_below(m, 16), 1);
	}
}

static const char *pick_method(struct model *m)
{
	static const char *const methods[] = { "GET",  "GET",  "GET",   "GET",    "GET",
					       "POST", "POST", "HEAD",  "PUT",    "DELETE",
					       "HEAD", "GET",  "PATCH", "FOO-BAR", "NOTIFY" }; /* not M-SEARCH: cut behind its dash it is SEARCH */

	return methods[model_below(m, sizeof(methods) / sizeof(methods[0]))];
}

void model_request(struct model *m, unsigned int i)
{
	struct model_bytes *b = &m->stream[0];
	struct model_msg *msg = &m->req[i];
	bool tunnel = m->end == MODEL_END_TUNNEL && i + 1 == m->exchange_cnt;
	bool upgrade = tunnel && model_chance(m, 500);
	bool has_body;

	strcpy(msg->method, !tunnel ? pick_method(m) : upgrade ? "GET" : "CONNECT");
	/* A method in pieces of which a hole took the first cannot be told from another one. */
	if (strchr(msg->method, '-') && (!i || m->mss[0] < 100))
		strcpy(msg->method, "GET");
	has_body = is(msg, "POST") || is(msg, "PUT") || is(msg, "PATCH");
	if (i && model_chance(m, 20))
		say(b, "\r\n"); /* RFC 9112 §2.2 */
	msg->begun = true;
	msg->start = b->len;
	say(b, "%s ", msg->method);
	say_target(m, b, i);
	say(b, " HTTP/1.%d%s", !model_chance(m, 50), line_end(m));
	say(b, "Host: h.example%s", line_end(m));
	say_filler(m, b);
	if (upgrade)
		say(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	if (!has_body) {
		say(b, "\r\n");
		msg->head_end = msg->end = b->len;
		return;
	}
	msg->body_size = body_length(m);
	if (model_chance(m, 100))
		say(b, "Expect: 100-continue\r\n");
	msg->early = model_chance(m, 100);
	if (model_chance(m, 300)) {
		say(b, "transfer-encoding:chunked \r\n\r\n");
		msg->head_end = b->len;
		say_chunks(m, b, msg->body_size);
	} else {
		say(b, "CONTENT-LENGTH: %lu\r\n\r\n", (unsigned long)msg->body_size);
		msg->head_end = b->len;
		say_noise(m, b, msg->body_size);
	}
	msg->end = b->len;
}

static void say_interims(struct model *m, struct model_bytes *b, struct model_msg *msg)
{
	if (!model_chance(m, 120))
		return;
	msg->interim_cnt = 1 + model_below(m, 3);
	for (unsigned int n = 0; n < msg->interim_cnt; n++) {
		if (model_chance(m, 500))
			say(b, "HTTP/1.1 100 Continue\r\n\r\n");
		else
			say(b, "HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload; as=style\r\n"
			       "Link: </script.js>; rel=preload; as=script\r\n\r\n");
	}
}

static uint16_t pick_status(struct model *m, unsigned int i)
{
	static const uint16_t statuses[] = { 200, 200, 200, 200, 200, 200, 204, 304, 404, 500 };

	if (m->end == MODEL_END_TUNNEL && i + 1 == m->exchange_cnt)
		return is(&m->req[i], "CONNECT") ? 200 : 101;
	return statuses[model_below(m, sizeof(statuses) / sizeof(statuses[0]))];
}

void model_response(struct model *m, unsigned int i)
{
	struct model_bytes *b = &m->stream[1];
	struct model_msg *msg = &m->resp[i];
	bool last = i + 1 == m->exchange_cnt;
	bool tunnel = m->end == MODEL_END_TUNNEL && last;
	bool head = is(&m->req[i], "HEAD"), bare;

	msg->status = pick_status(m, i);
	bare = msg->status == 204 || msg->status == 304;
	msg->undelimited = m->end == MODEL_END_UNDELIMITED && last && !head && !bare;
	msg->interim_start = b->len;
	say_interims(m, b, msg);
	msg->begun = true;
	msg->start = b->len;
	say(b, "HTTP/1.%d %u%s%s", !model_chance(m, 30), msg->status,
	    model_chance(m, 50) ? " " : " Some Reason", line_end(m));
	say_filler(m, b);
	say(b, "Content-Type: id/%u%s", i, line_end(m));
	if ((m->end == MODEL_END_SERVER_FIN || m->end == MODEL_END_UNDELIMITED) && last)
		say(b, "Connection: close\r\n");
	if (tunnel)
		say(b, "Connection: Upgrade\r\n");
	msg->body_size = tunnel || msg->status == 204 ? 0 : body_length(m);
	if (tunnel || msg->undelimited || msg->status == 204) {
		say(b, "\r\n");
		msg->head_end = b->len;
		if (msg->undelimited)
			say_noise(m, b, msg->body_size);
	} else if (model_chance(m, 300)) {
		say(b, "Transfer-Encoding: chunked\r\n\r\n");
		msg->head_end = b->len;
		if (head || bare)
			msg->body_size = 0;
		else
			say_chunks(m, b, msg->body_size);
	} else {
		say(b, "Content-Length: %lu\r\n\r\n", (unsigned long)msg->body_size);
		msg->head_end = b->len;
		if (head || bare)
			msg->body_size = 0;
		else
			say_noise(m, b, msg->body_size);
	}
	msg->end = b->len;
}

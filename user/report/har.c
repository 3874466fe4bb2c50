// SPDX-License-Identifier: GPL-2.0-only
#include "har.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../target.h"
#include "body.h"
#include "buf.h"
#include "jsonout.h"
#include "parts.h"

struct har {
	char *path;
	FILE *out;
	struct jsonout json;
	struct buf scratch, hidden, url;
	uint64_t cnt;
	int err; /* the first */
};

/* --- values ----------------------------------------------------------------------------------- */

static void key(struct har *h, const char *name)
{
	jsonout_key(&h->json, name);
}

static void text(struct har *h, const char *ptr, size_t len)
{
	jsonout_text(&h->json, ptr, len);
}

static void put_text(struct har *h, const char *name, const char *value)
{
	key(h, name);
	text(h, value, strlen(value));
}

static void put_slice(struct har *h, const char *name, struct slice s)
{
	key(h, name);
	text(h, s.len ? s.ptr : "", s.len);
}

static void put_number(struct har *h, const char *name, int64_t value)
{
	key(h, name);
	jsonout_i64(&h->json, value);
}

/* HAR's times are milliseconds. */
static void put_ms(struct har *h, const char *name, uint64_t ns)
{
	char digits[48];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64 ".%06" PRIu64, ns / 1000000,
			 ns % 1000000);

	key(h, name);
	jsonout_number(&h->json, digits, (size_t)n);
}

/* --- parts of an entry ---------------------------------------------------------------------- */

static void put_start(struct har *h, const struct view *v)
{
	time_t when = (time_t)(v->time_ns / 1000000000);
	char date[32], whole[64];
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		date[0] = 0;
	snprintf(whole, sizeof(whole), "%s.%06" PRId64 "Z", date, v->time_ns % 1000000000 / 1000);
	put_text(h, "startedDateTime", whole);
}

/* Absolute, as HAR wants it: http://HOST/PATH. */
static void put_url(struct har *h, const struct view *v)
{
	char addr[VIEW_ADDRESS_MAX];

	buf_reset(&h->url);
	if (v->target.len && v->target.ptr[0] == '/') {
		buf_puts(&h->url, "http://");
		if (v->host.len) {
			buf_add(&h->url, v->host.ptr, v->host.len);
		} else {
			view_address(&v->tx->server, addr);
			buf_printf(&h->url, strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr,
				   v->tx->server.port);
		}
	}
	buf_add(&h->url, v->target.ptr, v->target.len);
	key(h, "url");
	text(h, h->url.ptr, h->url.len);
}

static void put_pair(struct har *h, struct slice name, struct slice value)
{
	jsonout_open(&h->json, '{');
	put_slice(h, "name", name);
	put_slice(h, "value", value);
	jsonout_close(&h->json, '}');
}

/* Those that were kept: see --header. */
static void put_headers(struct har *h, const struct view *v, const struct message *m)
{
	key(h, "headers");
	jsonout_open(&h->json, '[');
	for (uint32_t i = 0; i < m->header_cnt; i++)
		put_pair(h, m->headers[i].name, view_header(v, &m->headers[i], &h->hidden));
	jsonout_close(&h->json, ']');
}

static void put_query(struct har *h, struct slice query)
{
	const char *p = query.ptr, *end = p ? p + query.len : NULL, *next, *value;

	key(h, "queryString");
	jsonout_open(&h->json, '[');
	for (; p && p < end; p = next + 1) {
		next = memchr(p, '&', (size_t)(end - p));
		next = next ? next : end;
		value = memchr(p, '=', (size_t)(next - p));
		put_pair(h, (struct slice){p, (uint32_t)((value ? value : next) - p)},
			 value ? (struct slice){value + 1, (uint32_t)(next - value - 1)}
			       : (struct slice){"", 0});
	}
	jsonout_close(&h->json, ']');
}

static void put_message(struct har *h, const struct view *v, const struct message *m)
{
	char version[16];

	snprintf(version, sizeof(version), "HTTP/%u.%u", m->version_major, m->version_minor);
	put_text(h, "httpVersion", m->seen ? version : "");
	key(h, "cookies"); /* they are credentials */
	jsonout_open(&h->json, '[');
	jsonout_close(&h->json, ']');
	put_headers(h, v, m);
	/* With a body, its framing is in the message's size as well. */
	put_number(h, "headersSize", m->seen && !m->body_size ? (int64_t)m->size : -1);
	put_number(h, "bodySize", m->seen ? (int64_t)m->body_size : -1);
}

/*
 * What of a body is at hand, and how much that is. `encoding` is HAR's for responses, and for what is not text; of
 * requests it knows nothing but text, so there it is a field of our own.
 */
static void put_body(struct har *h, const struct body_bytes *body, uint64_t size,
		     const char *encoding)
{
	if (body->ptr) {
		key(h, "text");
		if (body_is_text(body)) {
			text(h, body->ptr, body->len);
		} else {
			buf_reset(&h->scratch);
			body_add_base64(&h->scratch, body);
			jsonout_plain(&h->json, h->scratch.ptr, h->scratch.len);
			put_text(h, encoding, "base64");
		}
	}
	if (body->len == size && !body->cut)
		return;
	buf_reset(&h->hidden);
	body_add_extent(&h->hidden, body, size);
	put_slice(h, "comment", (struct slice){h->hidden.ptr, (uint32_t)h->hidden.len});
}

static void put_post(struct har *h, const struct view *v)
{
	const struct transaction *tx = v->tx;

	if (!body_known(&tx->req_body))
		return;
	key(h, "postData");
	jsonout_open(&h->json, '{');
	put_slice(h, "mimeType", target_header(&tx->req, "content-type"));
	put_body(h, &tx->req_body, tx->req.body_size, "_encoding");
	jsonout_close(&h->json, '}');
}

static void put_request(struct har *h, const struct view *v)
{
	key(h, "request");
	jsonout_open(&h->json, '{');
	put_slice(h, "method", v->tx->method);
	put_url(h, v);
	put_query(h, v->query);
	put_message(h, v, &v->tx->req);
	put_post(h, v);
	jsonout_close(&h->json, '}');
}

static void put_response(struct har *h, const struct view *v)
{
	struct slice type = target_header(&v->tx->resp, "content-type");

	key(h, "response");
	jsonout_open(&h->json, '{');
	put_number(h, "status", v->tx->status);
	put_text(h, "statusText", "");
	put_message(h, v, &v->tx->resp);
	key(h, "content");
	jsonout_open(&h->json, '{');
	put_number(h, "size", (int64_t)v->tx->resp.body_size);
	put_slice(h, "mimeType", type);
	if (body_known(&v->tx->resp_body))
		put_body(h, &v->tx->resp_body, v->tx->resp.body_size, "encoding");
	jsonout_close(&h->json, '}');
	put_text(h, "redirectURL", "");
	jsonout_close(&h->json, '}');
}

/* send, wait and receive have to be there; what was not seen took no time that is known. `time` is
 * the sum of all. */
static void put_timings(struct har *h, const struct transaction *tx)
{
	static const struct {
		const char *name;
		enum part part;
	} timings[] = {{"connect", PART_CONNECT},
		       {"send", PART_REQUEST},
		       {"wait", PART_TTFB},
		       {"receive", PART_RESPONSE}};
	uint64_t ns, sum = 0;

	key(h, "timings");
	jsonout_open(&h->json, '{');
	put_number(h, "blocked", -1);
	put_number(h, "dns", -1);
	put_number(h, "ssl", -1);
	for (size_t i = 0; i < sizeof(timings) / sizeof(timings[0]); i++) {
		if (part_get(tx, timings[i].part, &ns)) {
			put_ms(h, timings[i].name, ns);
			sum += ns;
		} else {
			put_number(h, timings[i].name, timings[i].part == PART_CONNECT ? -1 : 0);
		}
	}
	jsonout_close(&h->json, '}');
	put_ms(h, "time", sum);
}

static void put_known(struct har *h, const char *name, const char *value)
{
	if (value)
		put_text(h, name, value);
}

/* Who, and what else is known of where the time went. */
static void put_more(struct har *h, const struct view *v)
{
	static const char *const sides[] = {NULL, "client", "server", "transit"};
	static const enum part parts[] = {PART_QUEUE, PART_APP, PART_ACK, PART_READ};
	const struct transaction *tx = v->tx;
	char name[32];
	uint64_t ns;

	put_known(h, "_side", sides[tx->side]);
	if (tx->owner.pid) {
		put_number(h, "_pid", tx->owner.pid);
		key(h, "_process");
		text(h, tx->owner.comm, strnlen(tx->owner.comm, sizeof(tx->owner.comm)));
	}
	put_known(h, "_container", v->names.container_name);
	put_known(h, "_pod", v->names.pod);
	put_known(h, "_unit", v->names.unit);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(name, sizeof(name), "_%s", part_name(parts[i]));
		if (part_get(tx, parts[i], &ns))
			put_ms(h, name, ns);
	}
	put_known(h, "_verdict", view_verdict_name(tx->verdict));
	if (tx->flags & TX_RESET)
		put_text(h, "_error", "reset");
	else if (tx->flags & TX_NO_RESPONSE)
		put_text(h, "_error", "no-response");
}

static void put_entry(struct har *h, const struct view *v)
{
	char addr[VIEW_ADDRESS_MAX], stream[24];

	jsonout_open(&h->json, '{');
	put_start(h, v);
	put_request(h, v);
	put_response(h, v);
	key(h, "cache");
	jsonout_open(&h->json, '{');
	jsonout_close(&h->json, '}');
	put_timings(h, v->tx);
	view_address(&v->tx->server, addr);
	put_text(h, "serverIPAddress", addr);
	snprintf(stream, sizeof(stream), "%" PRIu64, v->tx->stream);
	put_text(h, "connection", stream);
	put_more(h, v);
	jsonout_close(&h->json, '}');
}

/* --- the archive ------------------------------------------------------------------------------ */

static void note(struct har *h, int err)
{
	if (!h->err)
		h->err = err;
}

static void write_out(struct har *h, const void *bytes, size_t len)
{
	errno = 0;
	if (!h->err && len && fwrite(bytes, 1, len, h->out) != len)
		note(h, errno ? -errno : -EIO);
}

int har_open(const char *path, struct har **out, struct diag *d)
{
	static const char head[] =
		"{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"httplat\","
		"\"version\":\"" HTTPLAT_VERSION "\"},\"entries\":[\n";
	struct har *h = calloc(1, sizeof(*h));
	int err;

	if (h)
		h->path = strdup(path);
	if (!h || !h->path) {
		har_close(h, NULL);
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	}
	h->out = fopen(path, "we");
	if (!h->out) {
		err = diag_set(d, EXIT_RUNTIME, -errno, "cannot write '%.200s': %s", path,
			       strerror(errno));
		har_close(h, NULL);
		return err;
	}
	write_out(h, head, sizeof(head) - 1);
	*out = h;
	return 0;
}

int har_add(struct har *h, const struct view *v)
{
	if (h->err || !v->tx->req.seen || !v->has_time)
		return h->err;
	put_entry(h, v);
	if (h->json.b.failed || h->url.failed || h->scratch.failed || h->hidden.failed)
		note(h, -ENOMEM);
	write_out(h, ",\n", h->cnt ? 2 : 0);
	write_out(h, h->json.b.ptr, jsonout_len(&h->json));
	h->cnt++;
	jsonout_reset(&h->json);
	return h->err;
}

int har_close(struct har *h, struct diag *d)
{
	static const char tail[] = "\n]}}\n";
	int err;

	if (!h)
		return 0;
	if (h->out) {
		write_out(h, tail, sizeof(tail) - 1);
		if (fclose(h->out))
			note(h, -errno);
	}
	err = h->err;
	if (err)
		diag_set(d, EXIT_RUNTIME, err, "cannot write '%.200s': %s", h->path,
			 strerror(-err));
	jsonout_free(&h->json);
	buf_free(&h->scratch);
	buf_free(&h->hidden);
	buf_free(&h->url);
	free(h->path);
	free(h);
	return err;
}

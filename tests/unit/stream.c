// SPDX-License-Identifier: GPL-2.0-only
#include "stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- what comes out -------------------------------------------------------------------------- */

static char *copy_text(const char *ptr, uint32_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memcpy(text, ptr, len);
	text[len] = '\0';
	return text;
}

static char *copy_body(struct body_bytes *body)
{
	char *copy = body->ptr ? copy_text(body->ptr, body->len) : NULL;

	body->ptr = copy;
	return copy;
}

static void copy_headers(struct http_header *to, struct message *m)
{
	assert_true(m->header_cnt <= 24);
	for (uint32_t i = 0; i < m->header_cnt; i++) {
		to[i] = m->headers[i];
		to[i].name.ptr = copy_text(m->headers[i].name.ptr, m->headers[i].name.len);
		to[i].value.ptr = copy_text(m->headers[i].value.ptr, m->headers[i].value.len);
	}
	m->headers = NULL; /* the array moves with its record */
}

static void free_headers(struct http_header *headers, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		free((char *)headers[i].name.ptr);
		free((char *)headers[i].value.ptr);
	}
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct capture *cap = ctx;
	struct record *r;

	if (cap->discard) {
		cap->tx_cnt++;
		return;
	}
	cap->tx = realloc(cap->tx, (cap->tx_cnt + 1) * sizeof(*cap->tx));
	assert_non_null(cap->tx);
	r = &cap->tx[cap->tx_cnt++];
	memset(r, 0, sizeof(*r));
	r->tx = *tx;
	r->method = copy_text(tx->method.ptr ? tx->method.ptr : "", tx->method.len);
	r->target = copy_text(tx->target.ptr ? tx->target.ptr : "", tx->target.len);
	r->tx.method.ptr = r->method;
	r->tx.target.ptr = r->target;
	r->req_body = copy_body(&r->tx.req_body);
	r->resp_body = copy_body(&r->tx.resp_body);
	copy_headers(r->req_headers, &r->tx.req);
	copy_headers(r->resp_headers, &r->tx.resp);
}

static void on_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	struct capture *cap = ctx;

	assert_true(cap->elide_cnt < 64);
	cap->elide[cap->elide_cnt++] = (struct elide_call){cookie, dir, seq};
}

void capture_open(struct capture *cap, const struct flow_config *config)
{
	struct flow_sink sink = {cap, on_transaction, on_elide};

	memset(cap, 0, sizeof(*cap));
	cap->ft = flow_table_new(config ? config : &flow_config_default, &sink, &cap->cnt);
	assert_non_null(cap->ft);
}

void capture_finish(struct capture *cap)
{
	flow_finish(cap->ft);
}

void capture_close(struct capture *cap)
{
	flow_table_free(cap->ft);
	for (size_t i = 0; cap->tx && i < cap->tx_cnt; i++) {
		struct record *r = &cap->tx[i];

		free(r->method);
		free(r->target);
		free(r->req_body);
		free(r->resp_body);
		free_headers(r->req_headers, r->tx.req.header_cnt);
		free_headers(r->resp_headers, r->tx.resp.header_cnt);
	}
	free(cap->tx);
}

/* --- what goes in ---------------------------------------------------------------------------- */

static int push_flow(void *ctx, unsigned int who, const struct segment *seg)
{
	struct capture *cap = ctx;

	(void)who;
	return flow_push(cap->ft, seg);
}

static void set_end(struct endpoint *e, uint8_t host, uint16_t port)
{
	static const uint8_t net[16] = {[10] = 0xff, 0xff, 10, 0, 0, 0};

	memcpy(e->addr, net, sizeof(net));
	e->addr[15] = host;
	e->port = port;
}

void stream_init(struct stream *s, struct capture *cap, uint32_t client_isn, uint32_t server_isn)
{
	memset(s, 0, sizeof(*s));
	s->push = push_flow;
	s->ctx = cap;
	s->ns = 1000000 * MS;
	s->next[CLIENT] = client_isn;
	s->next[SERVER] = server_isn;
	set_end(&s->end[CLIENT], 1, 40000);
	set_end(&s->end[SERVER], 2, 80);
}

static void packet_free(struct packet *p)
{
	free(p->bytes);
	free(p);
}

void stream_close(struct stream *s)
{
	while (s->packets) {
		struct packet *p = s->packets;

		s->packets = p->next;
		packet_free(p);
	}
}

static struct packet *make(struct stream *s, unsigned int who, uint16_t flags, const void *data,
			   size_t len)
{
	struct packet *p = calloc(1, sizeof(*p));
	uint32_t cap = s->snap && s->snap < len ? s->snap : len;

	assert_non_null(p);
	if (!s->deaf[who])
		s->heard[who] = s->next[!who];
	s->ns += MS;
	p->who = who;
	p->seg.time_ns = s->ns;
	p->seg.hook = HOOK_FILE;
	p->seg.src = s->end[who];
	p->seg.dst = s->end[!who];
	p->seg.seq = s->next[who];
	p->seg.ack = s->heard[who];
	p->seg.flags = flags | TCP_ACK;
	p->seg.window = 500;
	p->seg.payload_len = len;
	p->seg.payload_cap = cap;
	if (cap) {
		p->bytes = malloc(cap);
		assert_non_null(p->bytes);
		memcpy(p->bytes, data, cap);
		p->seg.payload = p->bytes;
	}
	s->next[who] += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	return p;
}

struct packet *stream_prepare(struct stream *s, unsigned int who, uint16_t flags, const void *data,
			      size_t len)
{
	struct packet *p = make(s, who, flags, data, len);

	p->next = s->packets;
	s->packets = p;
	return p;
}

static void give_at(struct stream *s, struct packet *p, enum seg_dir dir, unsigned int end)
{
	p->seg.dir = dir;
	p->seg.note = s->note[end];
	s->err = s->push(s->ctx, p->who, &p->seg);
}

void stream_give(struct stream *s, struct packet *p)
{
	if (s->local[p->who])
		give_at(s, p, SEG_DIR_EGRESS, p->who);
	if (s->local[!p->who])
		give_at(s, p, SEG_DIR_INGRESS, !p->who);
	if (!s->local[p->who] && !s->local[!p->who])
		give_at(s, p, SEG_DIR_UNKNOWN, p->who);
}

void stream_say_bytes(struct stream *s, unsigned int who, const void *data, size_t len)
{
	struct packet *p = make(s, who, TCP_PSH, data, len);

	stream_give(s, p);
	packet_free(p);
}

void stream_say(struct stream *s, unsigned int who, const char *text)
{
	stream_say_bytes(s, who, text, strlen(text));
}

void stream_miss(struct stream *s, unsigned int who, const char *text)
{
	packet_free(make(s, who, TCP_PSH, text, strlen(text)));
}

void stream_tell(struct stream *s, unsigned int who, uint16_t flags)
{
	struct packet *p = make(s, who, flags, NULL, 0);

	stream_give(s, p);
	packet_free(p);
}

void stream_handshake(struct stream *s)
{
	struct packet *syn = make(s, CLIENT, TCP_SYN, NULL, 0);

	syn->seg.flags = TCP_SYN;
	syn->seg.ack = 0;
	stream_give(s, syn);
	packet_free(syn);
	stream_tell(s, SERVER, TCP_SYN);
	stream_tell(s, CLIENT, 0);
}

void stream_open(struct stream *s, struct capture *cap, uint32_t client_isn, uint32_t server_isn)
{
	stream_init(s, cap, client_isn, server_isn);
	stream_handshake(s);
}

void stream_goodbye(struct stream *s)
{
	stream_tell(s, CLIENT, TCP_FIN);
	stream_tell(s, SERVER, TCP_FIN);
	stream_tell(s, CLIENT, 0);
}

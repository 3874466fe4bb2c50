// SPDX-License-Identifier: GPL-2.0-only
#include "park.h"

#include <errno.h>
#include <string.h>

#include "conn.h"

void conn_free_http(struct conn *c)
{
	settle_free(&c->http->settle, &c->env->mem);
	mem_pool_free(&c->env->mem, &c->env->https, c->http);
	c->http = NULL;
}

void conn_free_tcp(struct conn *c)
{
	reasm_free(&c->tcp->reasm, &c->env->reasm);
	mem_pool_free(&c->env->mem, &c->env->tcps, c->tcp);
	c->tcp = NULL;
}

static bool in_state(const struct http_stream *s, enum http_state state)
{
	return s->state == state && !s->cur && !s->broken && !s->probe;
}

static bool is_drained(const struct pair *p)
{
	return !p->req_head && !p->resp_head && !p->align && !p->blind && !p->req_broken &&
	       !p->resp_broken && !p->interim_cnt;
}

static bool at_rest(const struct conn *c, enum http_state state)
{
	const struct conn_http *http = c->http;

	return http->pair_ready && http->client >= 0 && in_state(&http->stream[0], state) &&
	       in_state(&http->stream[1], state) && is_drained(&http->pair) && !http->settle.head &&
	       !reasm_waiting(&c->tcp->reasm);
}

/* Nothing waits, nothing is known to be missing, and the end is not near. */
static bool half_at_rest(const struct reasm_half *h)
{
	return !h->head && !h->fin_known && !h->skipped && h->sent <= h->next &&
	       !(h->acked_known && h->acked > h->next);
}

static bool tcp_at_rest(const struct conn_tcp *tcp)
{
	return !tcp->reset_ns && !tcp->reasm.reset && !tcp->reasm.lost_pending &&
	       !tcp->window_shut[0] && !tcp->window_shut[1] && !tcp->fin_ns[0] && !tcp->fin_ns[1] &&
	       half_at_rest(&tcp->reasm.half[0]) && half_at_rest(&tcp->reasm.half[1]);
}

struct parked_half conn_half(const struct conn *c, unsigned int dir)
{
	const struct reasm_half *h;

	if (!c->tcp)
		return c->parked.half[dir];
	h = &c->tcp->reasm.half[dir];
	return (struct parked_half){
		.next = h->next,
		.origin = (uint32_t)h->origin,
		.started = h->started,
		.start_known = h->start_known,
		.delivered = h->delivered,
		.fin_known = h->fin_known,
	};
}

void conn_park_tcp(struct conn *c)
{
	c->parked.half[0] = conn_half(c, 0);
	c->parked.half[1] = conn_half(c, 1);
	conn_free_tcp(c);
}

static void park_http(struct conn *c)
{
	struct conn_http *http = c->http;
	bool opaque;

	opaque = at_rest(c, HTTP_OPAQUE);
	if (!opaque && !at_rest(c, HTTP_IDLE))
		return;
	c->parked.is = true;
	c->parked.opaque = opaque;
	c->parked.hole = http->hole;
	c->parked.blind = http->settle.blind;
	c->parked.acks_seen = http->settle.acked.used;
	c->parked.reads_seen = http->settle.read.used;
	c->parked.pipelining = http->pair.pipelining;
	c->parked.no_rounds = http->pair.window.no_rounds;
	c->parked.waited = http->pair.window.waited < UINT8_MAX ? (uint8_t)http->pair.window.waited
								: UINT8_MAX;
	c->parked.client = (int8_t)http->client;
	for (unsigned int dir = 0; dir < 2; dir++) {
		c->parked.stream[dir].from_start = http->stream[dir].from_start;
		c->parked.stream[dir].missed = http->stream[dir].missed;
	}
	conn_free_http(c);
}

void conn_park(struct conn *c)
{
	if (c->closed || !c->tcp)
		return;
	if (c->http)
		park_http(c);
	if (!c->http && tcp_at_rest(c->tcp))
		conn_park_tcp(c);
}

static void unpark_tcp(struct conn *c)
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		struct reasm_half *h = &c->tcp->reasm.half[dir];

		h->next = c->parked.half[dir].next;
		h->origin = h->next - (uint32_t)((uint32_t)h->next - c->parked.half[dir].origin);
		h->started = c->parked.half[dir].started;
		h->start_known = c->parked.half[dir].start_known;
		h->delivered = c->parked.half[dir].delivered;
	}
}

int conn_wake(struct conn *c)
{
	if (c->tcp)
		return 0;
	c->tcp = mem_pool_alloc(&c->env->mem, &c->env->tcps);
	if (!c->tcp)
		return -ENOMEM;
	memset(c->tcp, 0, sizeof(*c->tcp));
	unpark_tcp(c);
	return 0;
}

static void unpark_stream(struct conn *c, unsigned int dir, uint64_t off)
{
	struct http_stream *s = &c->http->stream[dir];
	bool client = c->parked.client == (int)dir;

	s->role = client ? HTTP_ROLE_REQUEST : HTTP_ROLE_RESPONSE;
	s->state = c->parked.opaque ? HTTP_OPAQUE : HTTP_IDLE;
	s->probed = s->synced = true;
	s->from_start = c->parked.stream[dir].from_start;
	s->missed = c->parked.stream[dir].missed;
	s->off = c->http->last_end[dir] = off;
}

void conn_unpark(struct conn *c, unsigned int dir, uint64_t off)
{
	struct conn_http *http = c->http;

	http->client = c->parked.client;
	unpark_stream(c, dir, off);
	unpark_stream(c, !dir, c->tcp->reasm.half[!dir].next);
	http->hole = c->parked.hole;
	http->settle.blind = c->parked.blind;
	http->settle.acked.used = c->parked.acks_seen;
	http->settle.read.used = c->parked.reads_seen;
	http->settle.acked.forgotten = http->stream[0].off;
	http->settle.read.forgotten = http->stream[1].off;
	pair_init(&http->pair, &c->env->pair, false, false);
	http->pair.pipelining = c->parked.pipelining;
	http->pair.window.no_rounds = c->parked.no_rounds;
	http->pair.window.waited = c->parked.waited;
	http->pair.prev_end = http->stream[http->client].off;
	http->pair.resp_off = http->pair.last_resp_end = http->stream[!http->client].off;
	http->pair_ready = true;
	c->parked.is = false;
}

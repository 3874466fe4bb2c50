// SPDX-License-Identifier: GPL-2.0-only
#include "park.h"

#include "conn.h"

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
	       !reasm_waiting(&c->reasm);
}

void conn_park(struct conn *c)
{
	struct conn_http *http = c->http;
	bool opaque;

	if (c->closed || !http)
		return;
	opaque = at_rest(c, HTTP_OPAQUE);
	if (!opaque && !at_rest(c, HTTP_IDLE))
		return;
	c->parked = (struct parked){
		.is = true,
		.opaque = opaque,
		.hole = http->hole,
		.blind = http->settle.blind,
		.acks_seen = http->settle.acked.used,
		.reads_seen = http->settle.read.used,
		.pipelining = http->pair.pipelining,
		.client = (int8_t)http->client,
	};
	for (unsigned int dir = 0; dir < 2; dir++) {
		c->parked.stream[dir].from_start = http->stream[dir].from_start;
		c->parked.stream[dir].missed = http->stream[dir].missed;
	}
	conn_free_http(c);
}

static void unpark_stream(struct conn *c, unsigned int dir)
{
	struct http_stream *s = &c->http->stream[dir];
	bool client = c->parked.client == (int)dir;

	s->role = client ? HTTP_ROLE_REQUEST : HTTP_ROLE_RESPONSE;
	s->state = c->parked.opaque ? HTTP_OPAQUE : HTTP_IDLE;
	s->probed = s->synced = true;
	s->from_start = c->parked.stream[dir].from_start;
	s->missed = c->parked.stream[dir].missed;
	s->off = c->http->last_end[dir] = c->reasm.half[dir].next;
}

void conn_unpark(struct conn *c)
{
	struct conn_http *http = c->http;

	http->client = c->parked.client;
	unpark_stream(c, 0);
	unpark_stream(c, 1);
	http->hole = c->parked.hole;
	http->settle.blind = c->parked.blind;
	http->settle.acked.used = c->parked.acks_seen;
	http->settle.read.used = c->parked.reads_seen;
	http->settle.acked.forgotten = http->stream[0].off;
	http->settle.read.forgotten = http->stream[1].off;
	pair_init(&http->pair, &c->env->pair, false, false);
	http->pair.pipelining = c->parked.pipelining;
	http->pair.prev_end = http->stream[http->client].off;
	http->pair.resp_off = http->pair.last_resp_end = http->stream[!http->client].off;
	http->pair_ready = true;
	c->parked.is = false;
}

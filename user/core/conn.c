// SPDX-License-Identifier: GPL-2.0-only
#include "conn.h"

#include <errno.h>
#include <string.h>

#include "conn_tcp.h"
#include "exchange.h"

/* A body shorter than this is not worth a word of capture control. */
#define ELIDE_MIN (8u << 10)
/* Capture control compares sequence numbers by their signed difference: stay well below 2^31. */
#define ELIDE_MAX (1u << 30)
/* After an RST, segments that were under way may still come (only where the local end is
 * unknown). */
#define RESET_LINGER_NS 1000000000ull

/* Messages, and arenas of theirs, that wait for connections to come. */
#define SPARE_MAX 64

/* A client that closes so soon after a response closes because of it. */
#define FIN_SOON_NS 100000000ull

/* --- exchanges -------------------------------------------------------------------------------- */

/* Whether the local end is the client's. */
static bool is_client(const struct conn *c)
{
	return c->http->client == 0;
}

static enum http_wait wait_for(const struct conn *c, const struct http_msg *req,
			       const struct http_msg *resp)
{
	if (!req || !resp || !resp->m.complete || !c->local_known || c->tcp->reset_ns)
		return HTTP_WAIT_NOTHING;
	if (!is_client(c))
		return HTTP_WAIT_ACK;
	return c->env->sees_reads ? HTTP_WAIT_READ : HTTP_WAIT_NOTHING;
}

/* What must be noted when the exchange is over on the wire, for later it is another one's. */
static void hold(const struct conn *c, struct http_msg *req, struct http_msg *resp, uint32_t extra,
		 uint64_t hol_ns)
{
	struct http_held *held = req ? &req->held : &resp->held;
	uint64_t read_ns;

	*held = (struct http_held){
		.wait = wait_for(c, req, resp),
		.since_ns = c->last_ns,
		.extra = extra,
		.hol_ns = hol_ns,
		.still_open = !c->tcp->reasm.half[!c->http->client].ended,
		.has_srtt = c->has_srtt,
		.srtt_ns = (uint64_t)c->srtt_us * 1000,
		.has_rtt_min = c->has_rtt_min,
		.rtt_min_ns = (uint64_t)c->rtt_min_us * 1000,
		.owner = c->owner,
	};
	if (req && req->m.complete && c->local_known && !is_client(c) &&
	    marks_find(&c->http->settle.read, req->end_off, &read_ns) == MARKS_KNOWN &&
	    read_ns >= req->m.last_ns) {
		held->has_queue = true;
		held->queue_ns = read_ns - req->m.last_ns;
	}
}

static void tell(struct conn *c, struct http_msg *msg)
{
	struct exchange_headers headers;
	struct transaction tx;

	exchange_fill(c, msg, &headers, &tx);
	if (c->env->sink.transaction)
		c->env->sink.transaction(c->env->sink.ctx, &tx);
}

static void free_exchange(const struct conn *c, struct http_msg *msg)
{
	if (!msg->response)
		http_msg_free(&c->env->http, msg->peer);
	http_msg_free(&c->env->http, msg);
}

/* Told, and freed. */
static void dismiss(struct conn *c, struct http_msg *msg)
{
	const struct http_msg *req = msg->response ? NULL : msg, *resp = settle_response(msg);
	const struct http_msg *out = is_client(c) ? req : resp, *in = is_client(c) ? resp : req;

	if (!c->env->silent)
		tell(c, msg);
	if (out)
		marks_done(&c->http->settle.acked, out->end_off);
	if (in)
		marks_done(&c->http->settle.read, in->end_off);
	free_exchange(c, msg);
}

static void start_waiting(struct conn *c)
{
	if (c->prev_waiting)
		return;
	c->next_waiting = c->env->waiting;
	c->prev_waiting = &c->env->waiting;
	if (c->next_waiting)
		c->next_waiting->prev_waiting = &c->next_waiting;
	c->env->waiting = c;
}

static void stop_waiting(struct conn *c)
{
	if (!c->prev_waiting)
		return;
	*c->prev_waiting = c->next_waiting;
	if (c->next_waiting)
		c->next_waiting->prev_waiting = c->prev_waiting;
	c->prev_waiting = NULL;
}

/* Tells the exchanges that need not wait longer. */
static void settle(struct conn *c, uint64_t now_ns)
{
	struct http_msg *msg;

	while ((msg = settle_pop(&c->http->settle, now_ns)))
		dismiss(c, msg);
	if (!c->http->settle.head)
		stop_waiting(c);
}

static void on_exchange(void *ctx, struct http_msg *req, struct http_msg *resp, uint32_t extra,
			uint64_t hol_ns)
{
	struct conn *c = ctx;
	struct counters *cnt = c->env->cnt;
	struct http_msg *msg = req ? req : resp;

	if (c->tcp->reset_ns && !(resp && resp->m.complete))
		extra |= TX_RESET;
	hold(c, req, resp, extra, hol_ns);
	if (!c->env->silent) {
		cnt->requests += !!req;
		cnt->responses += !!resp;
		cnt->pairs += req && resp;
		cnt->no_response += req && !resp;
		cnt->orphans += resp && !req;
	}
	settle_push(&c->http->settle, msg);
	start_waiting(c);
	settle(c, c->last_ns);
}

/* The end of the connection: nothing follows any more. */
static void settle_all(struct conn *c)
{
	struct http_msg *msg;

	while ((msg = settle_drop(&c->http->settle)))
		dismiss(c, msg);
	stop_waiting(c);
}

/* --- HTTP's calls ---------------------------------------------------------------------------- */

static void count_protocol(struct counters *cnt, enum protocol protocol, int by)
{
	if (protocol == PROTOCOL_TLS)
		cnt->flows_tls += by;
	else if (protocol == PROTOCOL_HTTP2)
		cnt->flows_http2 += by;
	else if (protocol == PROTOCOL_OTHER)
		cnt->flows_other += by;
}

static bool on_role(void *ctx, unsigned int dir, enum http_role role)
{
	struct conn *c = ctx;
	int client = role == HTTP_ROLE_REQUEST ? (int)dir : !dir;

	if (c->http->client >= 0)
		return c->http->client == client;
	c->http->client = client;
	if (!c->is_http) {
		count_protocol(c->env->cnt, c->protocol, -1); /* what it began with was something else */
		c->is_http = true;
		c->env->cnt->flows_http++;
	}
	return true;
}

static bool is_request_dir(const struct conn *c, unsigned int dir)
{
	return c->http->client == (int)dir;
}

/* Pairing begins with the first message, or the first hole before one. */
static void ready_pair(struct conn *c)
{
	if (c->http->pair_ready)
		return;
	pair_init(&c->http->pair, &c->env->pair, c->midstream, !c->http->hole);
	c->http->pair_ready = true;
	if (c->http->stream[c->http->client].broken)
		pair_request_lost(&c->http->pair, c->http->stream[c->http->client].lost_off);
	if (c->http->stream[!c->http->client].broken)
		pair_response_lost(&c->http->pair, c->http->stream[!c->http->client].lost_off);
}

/* What pairing has to know of the other stream when it judges a message. */
static void tell_pending(struct conn *c)
{
	const struct http_stream *req = &c->http->stream[c->http->client];
	bool pending = req->cur && !req->cur->head_told;

	c->http->pair.resp_off = c->http->stream[!c->http->client].off;
	c->http->pair.resp_unsure = c->http->stream[!c->http->client].state == HTTP_PEEK;
	c->http->pair.req_pending_off = pending ? req->cur->start_off : UINT64_MAX;
}

static enum http_body on_head(void *ctx, unsigned int dir, struct http_msg *msg)
{
	struct conn *c = ctx;

	ready_pair(c);
	tell_pending(c);
	if (is_request_dir(c, dir)) {
		pair_request_head(&c->http->pair, &c->env->pair, c, msg);
		/* The end of a chunked body may stay unread for as long as the connection is
		 * idle. */
		if (!msg->pipelined && c->prev_waiting) {
			settle_unread(&c->http->settle);
			settle(c, c->last_ns);
		}
		return HTTP_BODY_BY_HEADERS;
	}
	if (msg->status / 100 == 1 && msg->status != 101)
		c->env->cnt->interim++;
	return pair_response_head(&c->http->pair, &c->env->pair, c, msg);
}

static void on_message(void *ctx, unsigned int dir, struct http_msg *msg)
{
	struct conn *c = ctx;
	bool opaque;

	c->http->last_end[dir] = msg->end_off;
	if (is_request_dir(c, dir)) {
		pair_request_end(&c->http->pair, &c->env->pair, c, msg);
		return;
	}
	opaque = c->http->stream[dir].state == HTTP_OPAQUE;
	pair_response_end(&c->http->pair, &c->env->pair, c, msg);
	if (opaque)
		http_stream_opaque(&c->http->stream[!dir]);
}

static void on_lost(void *ctx, unsigned int dir, uint64_t off)
{
	struct conn *c = ctx;

	if (!c->http->pair_ready)
		return;
	if (is_request_dir(c, dir))
		pair_request_lost(&c->http->pair, off);
	else
		pair_response_lost(&c->http->pair, off);
}

static void on_hole(void *ctx, unsigned int dir, uint64_t from, uint64_t to, bool boundary)
{
	struct conn *c = ctx;

	ready_pair(c);
	if (is_request_dir(c, dir))
		pair_request_hole(&c->http->pair, &c->env->pair, c, from, to, boundary);
	else
		pair_response_hole(&c->http->pair, &c->env->pair, c, from, to, boundary);
}

static void on_body(void *ctx, unsigned int dir, uint64_t to)
{
	struct conn *c = ctx;
	uint64_t off = c->http->stream[dir].off;
	uint32_t seq;

	if (!c->env->sink.elide || !c->cookie || !c->local_known || to - off < ELIDE_MIN)
		return;
	if (to - off > ELIDE_MAX)
		to = off + ELIDE_MAX;
	seq = (uint32_t)to;
	/* Far-away ends move on with the stream: say it again after half of the way only. */
	if (c->tcp->elide_told[dir] &&
	    (seq == c->tcp->elide_to[dir] ||
	     (int32_t)(c->tcp->elide_to[dir] - (uint32_t)off) > (int32_t)(ELIDE_MAX / 2)))
		return;
	c->tcp->elide_told[dir] = true;
	c->tcp->elide_to[dir] = seq;
	c->env->sink.elide(c->env->sink.ctx, c->cookie, dir ? SEG_DIR_INGRESS : SEG_DIR_EGRESS, seq);
}

static void on_other(void *ctx, unsigned int dir, enum protocol protocol)
{
	struct conn *c = ctx;

	(void)dir;
	if (c->is_http || c->midstream)
		return;
	/* What names itself outweighs what does not. */
	if (c->protocol != PROTOCOL_UNKNOWN && c->protocol != PROTOCOL_OTHER)
		return;
	count_protocol(c->env->cnt, c->protocol, -1);
	c->protocol = protocol;
	count_protocol(c->env->cnt, c->protocol, 1);
}

static const struct http_ops conn_http_ops = {
	.head = on_head,
	.message = on_message,
	.lost = on_lost,
	.hole = on_hole,
	.role = on_role,
	.body = on_body,
	.other = on_other,
};

static const struct pair_ops conn_pair_ops = {
	.exchange = on_exchange,
};

/* --- reassembly's calls ---------------------------------------------------------------------- */

/* dir, off: of the chunk that is for it, from the bytes that are missing before it on. */
static bool make_http(struct conn *c, unsigned int dir, uint64_t off)
{
	struct mem *mem = c->env->http.mem;

	if (c->http)
		return true;
	c->http = mem_pool_alloc(mem, &c->env->https);
	if (!c->http) {
		c->env->cnt->memory_dropped++;
		return false;
	}
	memset(c->http, 0, sizeof(*c->http));
	c->http->client = -1;
	http_stream_init(&c->http->stream[0], &c->env->http, c, 0);
	http_stream_init(&c->http->stream[1], &c->env->http, c, 1);
	if (c->parked.is)
		conn_unpark(c, dir, off);
	return true;
}

static void on_chunk(void *ctx, unsigned int dir, const struct reasm_chunk *chunk)
{
	struct conn *c = ctx;

	/* With TCP Fast Open the response can be captured before the SYN that goes before it. */
	if (chunk->skip < 0 && !c->fast_open)
		c->midstream = true;
	if (!c->http && !chunk->len && !chunk->missing)
		return;
	if (!make_http(c, dir, chunk->off - chunk->missing))
		return;
	c->http->hole |= chunk->missing > 0;
	http_stream_chunk(&c->http->stream[dir], chunk);
}

/* The message that has old bytes: the current one, a request that waits for its response, or one
 * that is over. */
static struct http_msg *find_message(const struct conn *c, unsigned int dir, uint64_t from,
				     uint64_t to)
{
	struct http_msg *msg = c->http->stream[dir].cur;

	if (msg && to > msg->start_off)
		return msg;
	for (msg = c->http->pair.req_head; msg; msg = msg->next) {
		struct http_msg *of = is_request_dir(c, dir) ? msg : msg->peer;

		if (of && of->ended && http_msg_covers(of, from, to))
			return of;
	}
	return settle_find(&c->http->settle, !is_request_dir(c, dir), from, to);
}

static void on_old_bytes(void *ctx, unsigned int dir, const struct segment *seg, uint64_t from,
			 uint64_t to)
{
	struct conn *c = ctx;
	unsigned int cnt = seg->note.gso_segs ? seg->note.gso_segs : 1;
	struct http_msg *msg;

	if (!c->http && !c->parked.is)
		return;
	msg = c->http ? find_message(c, dir, from, to) : NULL;
	if (!msg) {
		c->env->cnt->retransmits_late += cnt;
		return;
	}
	msg->m.retransmits += cnt;
	http_msg_stalled(msg, c->tcp->heard_ns, seg->time_ns);
}

static const struct reasm_ops conn_reasm_ops = {
	.chunk = on_chunk,
	.old_bytes = on_old_bytes,
};

/* --- the connection -------------------------------------------------------------------------- */

void conn_env_init(struct conn_env *env, const struct flow_config *config,
		   const struct flow_sink *sink, struct counters *cnt)
{
	memset(env, 0, sizeof(*env));
	env->sink = *sink;
	env->cnt = cnt;
	env->mem.limit = config->max_memory;
	env->gap_timeout_ns = config->gap_timeout_ns;
	env->sees_reads = config->sees_reads;
	env->reasm.ops = &conn_reasm_ops;
	env->reasm.mem = &env->mem;
	env->reasm.cnt = cnt;
	env->reasm.max_conn_memory = config->max_conn_memory;
	env->reasm.ack_grace_ns = config->gap_timeout_ns < 1000000000ull ? config->gap_timeout_ns :
									   1000000000ull;
	env->http.ops = &conn_http_ops;
	env->http.mem = &env->mem;
	env->http.cnt = cnt;
	env->http.body_bytes = config->body_bytes;
	env->http.msgs = &env->msgs;
	env->http.parses = &env->parses;
	env->http.arenas = &env->arenas;
	mem_pool_init(&env->tcps, sizeof(struct conn_tcp), SPARE_MAX);
	mem_pool_init(&env->https, sizeof(struct conn_http), SPARE_MAX);
	mem_pool_init(&env->msgs, sizeof(struct http_msg), SPARE_MAX);
	mem_pool_init(&env->parses, sizeof(struct http_parse), SPARE_MAX);
	mem_pool_init(&env->arenas, HTTP_ARENA_FIRST, SPARE_MAX);
	http_env_init(&env->http, config->request_headers, config->response_headers);
	env->pair.ops = &conn_pair_ops;
	env->pair.http = &env->http;
	env->pair.cnt = cnt;
}

void conn_env_free(struct conn_env *env)
{
	mem_pool_drain(&env->tcps);
	mem_pool_drain(&env->https);
	mem_pool_drain(&env->msgs);
	mem_pool_drain(&env->parses);
	mem_pool_drain(&env->arenas);
}

int conn_init(struct conn *c, struct conn_env *env)
{
	memset(c, 0, sizeof(*c));
	c->env = env;
	return conn_wake(c);
}

bool conn_is_busy(const struct conn *c)
{
	return c->http || (c->tcp && c->tcp->reasm.buffered_cnt);
}

void conn_relieve(struct conn *c)
{
	if (c->tcp && c->tcp->reasm.buffered_cnt)
		reasm_finish(&c->tcp->reasm, &c->env->reasm, c, REASM_GAP_MEMORY);
}

const struct endpoint *conn_endpoint(const struct conn *c, unsigned int dir)
{
	return (c->sock_end ? c->sock_end : c->end) + dir;
}

/* Without memory it is known as the wire has it. */
static void note_sock_end(struct conn *c, const struct endpoint *local,
			  const struct endpoint *remote)
{
	if (!c->sock_end && endpoint_equal(local, &c->end[0]) && endpoint_equal(remote, &c->end[1]))
		return;
	if (!c->sock_end)
		c->sock_end = mem_alloc(&c->env->mem, 2 * sizeof(*c->sock_end));
	if (!c->sock_end)
		return;
	c->sock_end[0] = *local;
	c->sock_end[1] = *remote;
}

static void count_lost(const struct conn *c, const struct annotation *note)
{
	if (!note->lost_events)
		return;
	c->env->cnt->lost_events += note->lost_events;
	c->env->cnt->lost_bytes += note->lost_bytes;
}

static void take_annotation(struct conn *c, unsigned int dir, const struct segment *seg)
{
	const struct annotation *note = &seg->note;

	if (note->owner.pid)
		c->owner = note->owner;
	if (note->sock_cgroup_id)
		c->sock_cgroup_id = note->sock_cgroup_id;
	/* A socket that was closed has given up its port. */
	if (note->has_sock && c->local_known && note->local.port && note->remote.port)
		note_sock_end(c, &note->local, &note->remote);
	if (note->has_connect) {
		c->has_connect = true;
		c->connect_ns = note->connect_ns;
	}
	if (note->has_tcp_info && note->srtt_us) {
		c->has_srtt = true;
		c->srtt_us = note->srtt_us;
	}
	/* Before the first sample it is all ones. */
	if (note->has_tcp_info && note->srtt_us && note->rtt_min_us != UINT32_MAX) {
		c->has_rtt_min = true;
		c->rtt_min_us = note->rtt_min_us;
	}
	c->rst[dir] |= !!(seg->flags & TCP_RST);
	if (note->ifindex)
		c->ifindex = note->ifindex;
	if (seg->flags & TCP_FIN && !c->tcp->fin_ns[dir]) {
		c->tcp->fin_ns[dir] = seg->time_ns;
		c->tcp->fin_has_ack[dir] = seg->flags & TCP_ACK;
		c->tcp->fin_ack[dir] = seg->ack;
	}
	c->fast_open |= seg->flags & TCP_SYN && seg->payload_len;
	if (seg->flags & TCP_SYN && !c->isn_known[dir]) {
		c->isn_known[dir] = true;
		c->isn[dir] = seg->seq;
	}
}

/* --- reads and segments ----------------------------------------------------------------------- */

void conn_read(struct conn *c, const struct reading *reading)
{
	const struct reasm_half *in;
	struct marks *read;
	uint64_t off;

	if (c->closed || !c->http || !c->local_known || !c->tcp->reasm.half[1].started)
		return;
	in = &c->tcp->reasm.half[1];
	conn_note_scales(c, reading);
	read = &c->http->settle.read;
	off = in->next + (int32_t)(reading->seq - (uint32_t)in->next);
	if (reading->lost_before)
		marks_forget(read, off);
	else
		marks_add(read, &c->env->mem, off, reading->time_ns, c->http->last_end[1],
			  c->http->stream[1].off);
	conn_settle(c, reading->time_ns);
}

static void expect_msg(const struct http_msg *msg)
{
	if (msg)
		mem_prefetch(msg, sizeof(*msg));
}

void conn_expect(const struct conn *c, bool first)
{
	const struct conn_http *http = c->http;

	if (first) {
		if (c->tcp)
			mem_prefetch(c->tcp, sizeof(*c->tcp));
		if (http)
			mem_prefetch(http, sizeof(*http));
	} else if (http) {
		expect_msg(http->pair.req_head);
		expect_msg(http->settle.head);
	}
}

int conn_push(struct conn *c, unsigned int dir, const struct segment *seg, uint64_t arrival)
{
	uint64_t heard_ns = c->last_ns;
	int err;

	count_lost(c, &seg->note);
	if (seg->time_ns > c->last_ns)
		c->last_ns = seg->time_ns;
	if (c->closed)
		return 0;
	c->tcp->heard_ns = heard_ns;
	take_annotation(c, dir, seg);
	if (seg->note.not_http) {
		on_other(c, dir, startline_protocol(seg->payload, seg->payload_cap));
		return 0;
	}
	if (c->tcp->reset_ns && seg->time_ns > c->tcp->reset_ns + RESET_LINGER_NS) {
		conn_end(c);
		return 0;
	}
	conn_note_window(c, dir, seg);
	if (c->http && c->local_known && dir == 0)
		conn_note_idle(c, seg);
	err = reasm_push(&c->tcp->reasm, &c->env->reasm, c, dir, seg, arrival);
	if (c->http && c->local_known && dir == 1)
		conn_note_acked(c, seg->time_ns);
	if (c->tcp->reasm.buffered_cnt && seg->time_ns > c->env->gap_timeout_ns)
		reasm_flush(&c->tcp->reasm, &c->env->reasm, c,
			    seg->time_ns - c->env->gap_timeout_ns);
	if (c->tcp->reasm.reset && !c->tcp->reset_ns) {
		c->tcp->reset_ns = seg->time_ns ? seg->time_ns : 1;
		c->env->cnt->resets++;
	}
	if (c->tcp->reset_ns && c->local_known)
		conn_end(c);
	else
		conn_settle(c, seg->time_ns);
	return err;
}

/* What went by of one direction: a part of a body, which ended before or where the next segment
 * begins. */
static void take_sum(struct conn *c, unsigned int dir, const struct sum_half *half,
		     uint64_t arrival)
{
	struct reasm_half *h = &c->tcp->reasm.half[dir];
	uint32_t cnt = half->cnt - c->sum_cnt[dir];
	struct segment seg = {.time_ns = half->last_ns, .seq = (uint32_t)h->next};
	struct http_msg *msg = c->http ? c->http->stream[dir].cur : NULL;

	c->sum_cnt[dir] = half->cnt;
	if (!cnt || !h->started || (int32_t)(half->end - seg.seq) <= 0)
		return;
	seg.payload_len = half->end - seg.seq;
	c->env->cnt->segments += cnt;
	c->env->cnt->segment_bytes += seg.payload_len;
	if (seg.time_ns > c->last_ns)
		c->last_ns = seg.time_ns;
	if (msg)
		msg->m.segments += cnt - 1;
	reasm_push(&c->tcp->reasm, &c->env->reasm, c, dir, &seg, arrival);
}

void conn_sum(struct conn *c, unsigned int dir, const struct sum *sum, uint64_t arrival)
{
	/* In the order of time. */
	unsigned int first = sum->half[0].last_ns > sum->half[1].last_ns;
	struct http_msg *msg = c->http ? c->http->stream[0].cur : NULL;

	if (c->closed)
		return;
	if (conn_wake(c)) {
		c->env->cnt->memory_dropped++;
		return;
	}
	if (msg && c->local_known && sum->idle_ns > c->sum_idle_ns)
		msg->m.idle_ns += sum->idle_ns - c->sum_idle_ns;
	c->sum_idle_ns = sum->idle_ns;
	take_sum(c, first ^ dir, &sum->half[first], arrival);
	take_sum(c, !first ^ dir, &sum->half[!first], arrival + 1);
	if (sum->quiet_ns > c->last_ns)
		c->last_ns = sum->quiet_ns;
}

void conn_settle(struct conn *c, uint64_t now_ns)
{
	if (c->prev_waiting)
		settle(c, now_ns);
	/* What is known of the last exchange may follow the second FIN. */
	if (c->tcp && c->tcp->reasm.half[0].ended && c->tcp->reasm.half[1].ended &&
	    !c->prev_waiting)
		conn_end(c);
}

void conn_flush(struct conn *c, uint64_t older_than_ns)
{
	if (c->closed || !c->tcp)
		return;
	if (c->tcp->reset_ns && c->tcp->reset_ns < older_than_ns) {
		conn_end(c);
		return;
	}
	reasm_flush(&c->tcp->reasm, &c->env->reasm, c, older_than_ns);
	conn_park(c);
}

/*
 * Whether nothing was outstanding at the end. The client closed first, with everything received,
 * and soon after the last response: one that gives up waiting waits longer. Or the server did, as
 * the last response had said, to a client that does not pipeline.
 */
static bool ended_in_order(const struct conn *c)
{
	const struct reasm_half *client, *server;
	const struct pair *pair = &c->http->pair;
	unsigned int dir = c->http->client;

	if (c->tcp->reset_ns || c->http->client < 0)
		return false;
	client = &c->tcp->reasm.half[dir];
	server = &c->tcp->reasm.half[!dir];
	if (!client->fin_known || !c->tcp->fin_has_ack[dir])
		return false;
	if (server->fin_known && (int32_t)(c->tcp->fin_ack[dir] - (uint32_t)server->fin_off) > 0)
		return pair->says_close && !pair->pipelining;
	return (uint32_t)server->next == c->tcp->fin_ack[dir] &&
	       c->tcp->fin_ns[dir] < pair->ended_ns + FIN_SOON_NS;
}

static void finish(struct conn *c)
{
	reasm_finish(&c->tcp->reasm, &c->env->reasm, c, REASM_GAP_END);
	if (c->http) {
		http_stream_finish(&c->http->stream[0]);
		http_stream_finish(&c->http->stream[1]);
		if (c->http->pair_ready)
			pair_finish(&c->http->pair, &c->env->pair, c, ended_in_order(c));
		settle_all(c);
		conn_free_http(c);
	}
	reasm_free(&c->tcp->reasm, &c->env->reasm);
}

void conn_end(struct conn *c)
{
	/* Of one that is parked all is told. */
	if (!c->closed && c->tcp) {
		finish(c);
		conn_park_tcp(c);
	}
	c->closed = true;
}

void conn_free(struct conn *c)
{
	conn_end(c);
	if (c->tcp)
		conn_free_tcp(c);
	mem_free(&c->env->mem, c->sock_end, 2 * sizeof(*c->sock_end));
}

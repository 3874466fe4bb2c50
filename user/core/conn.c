// SPDX-License-Identifier: GPL-2.0-only
#include "conn.h"

#include <errno.h>
#include <string.h>

/* A body shorter than this is not worth a word of capture control. */
#define ELIDE_MIN (8u << 10)
/* Capture control compares sequence numbers by their signed difference: stay well below 2^31. */
#define ELIDE_MAX (1u << 30)
/* After an RST, segments that were under way may still come (only where the local end is unknown). */
#define RESET_LINGER_NS 1000000000ull

/* A client that closes so soon after a response closes because of it. */
#define FIN_SOON_NS 100000000ull

struct conn_http {
	struct http_stream stream[2];
	struct pair pair;
	bool pair_ready;
	bool hole; /* there was one before pairing began */
	int client; /* direction of the requests; -1 unknown */
	uint64_t request_cnt;
};

/* --- from messages to a transaction ---------------------------------------------------------- */

static struct slice msg_slice(const struct http_msg *msg, uint32_t pos, uint32_t len)
{
	struct slice s = { msg->arena ? msg->arena + pos : "", len };

	return s;
}

static void fill_message(struct message *m, const struct http_msg *msg, struct http_header *headers)
{
	*m = msg->m;
	for (uint32_t i = 0; i < msg->kept_cnt; i++) {
		headers[i].name.ptr = msg->kept[i].name;
		headers[i].name.len = strlen(msg->kept[i].name);
		headers[i].value = msg_slice(msg, msg->kept[i].pos, msg->kept[i].len);
	}
	m->headers = headers;
	m->header_cnt = msg->kept_cnt;
}

static void fill_times(struct transaction *tx, bool still_open)
{
	const struct message *req = &tx->req, *resp = &tx->resp;
	bool known = !(tx->flags & TX_RESET) && (resp->complete || !still_open);

	if (!req->seen || !resp->seen)
		return;
	if (known && resp->last_ns >= req->last_ns && resp->last_ns >= req->first_ns) {
		tx->has_latency = true;
		tx->latency_ns = resp->last_ns - req->last_ns;
		tx->total_ns = resp->last_ns - req->first_ns;
	}
	if (resp->first_ns >= req->last_ns && !(tx->flags & TX_EARLY_RESPONSE)) {
		tx->has_ttfb = true;
		tx->ttfb_ns = resp->first_ns - req->last_ns;
	}
}

static void fill_conn(struct transaction *tx, const struct conn *c, unsigned int client)
{
	tx->hook = c->hook;
	tx->client = c->end[client];
	tx->server = c->end[!client];
	tx->side = !c->local_known ? SIDE_TRANSIT : client == 0 ? SIDE_CLIENT : SIDE_SERVER;
	tx->stream = c->stream;
	tx->owner = c->owner;
	tx->sock_cgroup_id = c->sock_cgroup_id;
	tx->cookie = c->cookie;
	tx->ifindex = c->ifindex;
	tx->has_srtt = c->has_srtt;
	tx->srtt_ns = c->srtt_ns;
	if (c->midstream)
		tx->flags |= TX_MIDSTREAM;
}

static void fill_request(struct transaction *tx, struct conn *c, const struct http_msg *req,
			 struct http_header *headers)
{
	fill_message(&tx->req, req, headers);
	tx->flags |= req->flags;
	tx->method = (struct slice){ req->method, req->method_len };
	tx->target = msg_slice(req, req->target_pos, req->target_len);
	tx->stream_request = ++c->http->request_cnt;
	if (tx->stream_request == 1 && tx->side == SIDE_CLIENT && !c->midstream && c->has_connect) {
		tx->has_connect = true;
		tx->connect_ns = c->connect_ns;
	}
}

static void fill_response(struct transaction *tx, const struct http_msg *req,
			  const struct http_msg *resp, struct http_header *headers)
{
	fill_message(&tx->resp, resp, headers);
	tx->flags |= resp->flags;
	tx->status = resp->status;
	tx->interim_cnt = resp->interim_cnt;
	if (resp->status == 101)
		tx->flags |= TX_UPGRADED;
	else if (req && req->is_connect && resp->status / 100 == 2)
		tx->flags |= TX_TUNNEL;
}

static void on_exchange(void *ctx, struct http_msg *req, struct http_msg *resp, uint32_t extra,
			uint64_t hol_ns)
{
	struct http_header req_headers[HTTP_HEADERS_MAX], resp_headers[HTTP_HEADERS_MAX];
	struct conn *c = ctx;
	struct counters *cnt = c->env->cnt;
	struct transaction tx = { .flags = extra };

	if (c->env->silent)
		return;
	if (c->reset_ns && !(resp && resp->m.complete))
		tx.flags |= TX_RESET;
	fill_conn(&tx, c, c->http->client == 1);
	if (req)
		fill_request(&tx, c, req, req_headers);
	if (resp)
		fill_response(&tx, req, resp, resp_headers);
	if (req && resp) {
		fill_times(&tx, !c->reasm.half[!c->http->client].ended);
		tx.has_hol = hol_ns != UINT64_MAX;
		tx.hol_ns = hol_ns;
	}
	tx.exchange_id = (uint64_t)tx.req.start_seq << 32 | tx.resp.start_seq;
	cnt->requests += !!req;
	cnt->responses += !!resp;
	cnt->pairs += req && resp;
	cnt->no_response += req && !resp;
	cnt->orphans += resp && !req;
	if (c->env->sink.transaction)
		c->env->sink.transaction(c->env->sink.ctx, &tx);
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
	if (c->elide_told[dir] && (seq == c->elide_to[dir] ||
				   (int32_t)(c->elide_to[dir] - (uint32_t)off) > (int32_t)(ELIDE_MAX / 2)))
		return;
	c->elide_told[dir] = true;
	c->elide_to[dir] = seq;
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

static bool make_http(struct conn *c)
{
	struct mem *mem = c->env->http.mem;

	if (c->http)
		return true;
	c->http = mem_alloc(mem, sizeof(*c->http));
	if (!c->http) {
		c->env->cnt->memory_dropped++;
		return false;
	}
	c->http->client = -1;
	http_stream_init(&c->http->stream[0], &c->env->http, c, 0);
	http_stream_init(&c->http->stream[1], &c->env->http, c, 1);
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
	if (!make_http(c))
		return;
	c->http->hole |= chunk->missing > 0;
	http_stream_chunk(&c->http->stream[dir], chunk);
}

/* A retransmission belongs to the message that has its bytes: the current one, or a request that
 * waits for its response. */
static void on_old_bytes(void *ctx, unsigned int dir, uint64_t from, uint64_t to)
{
	struct conn *c = ctx;
	struct http_msg *msg;

	if (!c->http)
		return;
	msg = c->http->stream[dir].cur;
	if (msg && to > msg->start_off) {
		msg->m.retransmits++;
		return;
	}
	if (!is_request_dir(c, dir))
		return;
	for (msg = c->http->pair.req_head; msg; msg = msg->next) {
		if (msg->ended && http_msg_covers(msg, from, to)) {
			msg->m.retransmits++;
			return;
		}
	}
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
	env->reasm.ops = &conn_reasm_ops;
	env->reasm.mem = &env->mem;
	env->reasm.cnt = cnt;
	env->reasm.max_conn_memory = config->max_conn_memory;
	env->reasm.ack_grace_ns = config->gap_timeout_ns < 1000000000ull ? config->gap_timeout_ns :
									   1000000000ull;
	env->http.ops = &conn_http_ops;
	env->http.mem = &env->mem;
	env->http.cnt = cnt;
	env->http.request_headers = config->request_headers;
	env->http.response_headers = config->response_headers;
	env->pair.ops = &conn_pair_ops;
	env->pair.http = &env->http;
	env->pair.cnt = cnt;
}

void conn_init(struct conn *c, const struct conn_env *env)
{
	memset(c, 0, sizeof(*c));
	c->env = env;
}

bool conn_is_reuse(const struct conn *c, unsigned int dir, const struct segment *seg)
{
	const struct reasm_half *h = &c->reasm.half[dir];

	if (!(seg->flags & TCP_SYN))
		return c->closed && seg->payload_len && h->fin_known && !c->reset_ns &&
		       (int32_t)(seg->seq - (uint32_t)h->fin_off) > 0;
	if (c->isn_known[dir])
		return c->isn[dir] != seg->seq;
	/* A capture may have it behind the data that it begins. */
	if (c->closed || h->delivered)
		return c->closed || (uint32_t)h->origin != seg->seq + 1;
	/* Or a straggler of the last connection with these addresses came before it. Not where the other end's SYN did: with
	 * TCP Fast Open (RFC 7413) that acknowledges data. */
	return h->started && !h->head && !c->isn_known[!dir] &&
	       (uint32_t)h->origin != seg->seq + 1;
}

static void take_annotation(struct conn *c, unsigned int dir, const struct segment *seg)
{
	const struct annotation *note = &seg->note;

	if (note->owner.pid)
		c->owner = note->owner;
	if (note->sock_cgroup_id)
		c->sock_cgroup_id = note->sock_cgroup_id;
	/* A socket that was closed has given up its port. */
	if (note->has_sock && c->local_known && note->local.port && note->remote.port) {
		c->end[0] = note->local;
		c->end[1] = note->remote;
	}
	if (note->has_connect) {
		c->has_connect = true;
		c->connect_ns = note->connect_ns;
	}
	if (note->has_tcp_info && note->srtt_us) {
		c->has_srtt = true;
		c->srtt_ns = (uint64_t)note->srtt_us * 1000;
	}
	if (note->lost_events) {
		c->env->cnt->lost_events += note->lost_events;
		c->env->cnt->lost_bytes += note->lost_bytes;
	}
	if (note->ifindex)
		c->ifindex = note->ifindex;
	if (seg->flags & TCP_FIN && !c->fin_ns[dir]) {
		c->fin_ns[dir] = seg->time_ns;
		c->fin_has_ack[dir] = seg->flags & TCP_ACK;
		c->fin_ack[dir] = seg->ack;
	}
	c->fast_open |= seg->flags & TCP_SYN && seg->payload_len;
	if (seg->flags & TCP_SYN && !c->isn_known[dir]) {
		c->isn_known[dir] = true;
		c->isn[dir] = seg->seq;
	}
}

int conn_push(struct conn *c, unsigned int dir, const struct segment *seg, uint64_t arrival)
{
	int err;

	take_annotation(c, dir, seg);
	if (seg->time_ns > c->last_ns)
		c->last_ns = seg->time_ns;
	if (c->closed)
		return 0;
	if (seg->note.not_http) {
		on_other(c, dir, startline_protocol(seg->payload, seg->payload_cap));
		return 0;
	}
	if (c->reset_ns && seg->time_ns > c->reset_ns + RESET_LINGER_NS) {
		conn_end(c);
		return 0;
	}
	err = reasm_push(&c->reasm, &c->env->reasm, c, dir, seg, arrival);
	if (c->reasm.buffered_cnt && seg->time_ns > c->env->gap_timeout_ns)
		reasm_flush(&c->reasm, &c->env->reasm, c, seg->time_ns - c->env->gap_timeout_ns);
	if (c->reasm.reset && !c->reset_ns) {
		c->reset_ns = seg->time_ns ? seg->time_ns : 1;
		c->env->cnt->resets++;
	}
	if ((c->reset_ns && c->local_known) ||
	    (c->reasm.half[0].ended && c->reasm.half[1].ended))
		conn_end(c);
	return err;
}

void conn_flush(struct conn *c, uint64_t older_than_ns)
{
	if (c->closed)
		return;
	if (c->reset_ns && c->reset_ns < older_than_ns)
		conn_end(c);
	else
		reasm_flush(&c->reasm, &c->env->reasm, c, older_than_ns);
}

/*
 * Whether nothing was outstanding at the end. The client closed first, with everything received, and soon after the
 * last response: one that gives up waiting waits longer. Or the server did, as the last response had said,
 * to a client that does not pipeline.
 */
static bool ended_in_order(const struct conn *c)
{
	const struct reasm_half *client, *server;
	const struct pair *pair = &c->http->pair;
	unsigned int dir = c->http->client;

	if (c->reset_ns || c->http->client < 0)
		return false;
	client = &c->reasm.half[dir];
	server = &c->reasm.half[!dir];
	if (!client->fin_known || !c->fin_has_ack[dir])
		return false;
	if (server->fin_known && (int32_t)(c->fin_ack[dir] - (uint32_t)server->fin_off) > 0)
		return pair->says_close && !pair->pipelining;
	return (uint32_t)server->next == c->fin_ack[dir] &&
	       c->fin_ns[dir] < pair->ended_ns + FIN_SOON_NS;
}

void conn_end(struct conn *c)
{
	if (c->closed)
		return;
	reasm_finish(&c->reasm, &c->env->reasm, c, REASM_GAP_END);
	if (c->http) {
		http_stream_finish(&c->http->stream[0]);
		http_stream_finish(&c->http->stream[1]);
		if (c->http->pair_ready)
			pair_finish(&c->http->pair, &c->env->pair, c, ended_in_order(c));
		mem_free(c->env->http.mem, c->http, sizeof(*c->http));
		c->http = NULL;
	}
	reasm_free(&c->reasm, &c->env->reasm);
	c->closed = true;
}

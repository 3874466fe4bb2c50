// SPDX-License-Identifier: GPL-2.0-only
#include "exchange.h"

#include <string.h>

#include "verdict.h"

static struct slice msg_slice(const struct http_msg *msg, uint32_t pos, uint32_t len)
{
	struct slice s = {msg->arena ? msg->arena + pos : "", len};

	return s;
}

static void fill_message(struct message *m, const struct http_msg *msg,
			 const struct http_wanted *wanted, struct http_header *headers)
{
	uint32_t pos = msg->kept_pos;

	*m = msg->m;
	for (uint32_t i = 0; i < msg->kept_cnt; i++) {
		struct http_kept_header kept;

		memcpy(&kept, msg->arena + pos, sizeof(kept));
		pos += sizeof(kept);
		headers[i].name.ptr = wanted->names[kept.name];
		headers[i].name.len = strlen(headers[i].name.ptr);
		headers[i].value = msg_slice(msg, pos, kept.len);
		pos += kept.len;
	}
	m->headers = headers;
	m->header_cnt = msg->kept_cnt;
}

static struct body_bytes body_of(const struct http_msg *msg)
{
	struct body_bytes body = {.cut = msg->body_cut};

	if (msg->body) {
		body.ptr = msg->body->bytes;
		body.len = msg->body->len;
	}
	return body;
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

static void fill_ends(struct transaction *tx, const struct conn *c, unsigned int client)
{
	if (c->tcp->fin_ns[client])
		tx->fin |= TX_END_CLIENT;
	if (c->tcp->fin_ns[!client])
		tx->fin |= TX_END_SERVER;
	if (c->rst[client])
		tx->rst |= TX_END_CLIENT;
	if (c->rst[!client])
		tx->rst |= TX_END_SERVER;
}

/* A server's reader was known when the response was over; a client's may have read it since. */
static const struct owner *pick_owner(const struct transaction *tx, const struct conn *c,
				      const struct http_held *held)
{
	return tx->side == SIDE_SERVER && held->owner.pid ? &held->owner : &c->owner;
}

static void fill_conn(struct transaction *tx, const struct conn *c, const struct http_held *held)
{
	unsigned int client = c->http->client;

	tx->hook = (enum hook)c->hook;
	tx->client = *conn_endpoint(c, client);
	tx->server = *conn_endpoint(c, !client);
	tx->side = !c->local_known ? SIDE_TRANSIT : client == 0 ? SIDE_CLIENT : SIDE_SERVER;
	tx->stream = c->stream;
	tx->owner = *pick_owner(tx, c, held);
	tx->sock_cgroup_id = c->sock_cgroup_id;
	tx->cookie = c->cookie;
	tx->ifindex = c->ifindex;
	tx->has_srtt = held->has_srtt;
	tx->srtt_ns = held->srtt_ns;
	tx->has_rtt_min = held->has_rtt_min;
	tx->rtt_min_ns = held->rtt_min_ns;
	fill_ends(tx, c, client);
	if (c->midstream)
		tx->flags |= TX_MIDSTREAM;
}

static void fill_request(struct transaction *tx, struct conn *c, const struct http_msg *req,
			 struct http_header *headers)
{
	fill_message(&tx->req, req, &c->env->http.request, headers);
	tx->req_body = body_of(req);
	tx->flags |= req->flags;
	tx->method = msg_slice(req, 0, req->method_len);
	tx->target = msg_slice(req, req->target_pos, req->target_len);
	tx->stream_request = ++c->request_cnt;
	if (tx->stream_request == 1 && tx->side == SIDE_CLIENT && !c->midstream && c->has_connect) {
		tx->has_connect = true;
		tx->connect_ns = c->connect_ns;
	}
}

static void fill_response(struct transaction *tx, const struct conn *c, const struct http_msg *req,
			  const struct http_msg *resp, struct http_header *headers)
{
	fill_message(&tx->resp, resp, &c->env->http.response, headers);
	tx->resp_body = body_of(resp);
	tx->flags |= resp->flags;
	tx->status = resp->status;
	tx->interim_cnt = resp->interim_cnt;
	if (resp->status == 101)
		tx->flags |= TX_UPGRADED;
	else if (req && req->is_connect && resp->status / 100 == 2)
		tx->flags |= TX_TUNNEL;
}

/* The parts that are known by more than the two messages. */
static void fill_parts(struct transaction *tx, const struct conn *c, const struct http_msg *req,
		       const struct http_msg *resp, const struct http_held *held)
{
	const struct marks *marks = tx->side == SIDE_SERVER ? &c->http->settle.acked
							    : &c->http->settle.read;
	uint64_t until;

	if (req && held->has_queue && !(tx->flags & TX_EARLY_RESPONSE) &&
	    (!resp || req->m.last_ns + held->queue_ns <= resp->m.first_ns)) {
		tx->has_queue = true;
		tx->queue_ns = held->queue_ns;
		tx->has_app = resp != NULL;
		if (resp)
			tx->app_ns = resp->m.first_ns - req->m.last_ns - held->queue_ns;
	}
	if (!resp || !resp->m.complete || tx->side == SIDE_TRANSIT ||
	    marks_find(marks, resp->end_off, &until) != MARKS_KNOWN || until < resp->m.last_ns)
		return;
	tx->has_ack = tx->side == SIDE_SERVER;
	tx->has_read = tx->side == SIDE_CLIENT;
	*(tx->has_ack ? &tx->ack_ns : &tx->read_ns) = until - resp->m.last_ns;
}

void exchange_fill(struct conn *c, const struct http_msg *msg, struct exchange_headers *headers,
		   struct transaction *tx)
{
	const struct http_msg *req = msg->response ? NULL : msg;
	const struct http_msg *resp = msg->response ? msg : msg->peer;
	const struct http_held *held = &msg->held;

	*tx = (struct transaction){.flags = held->extra};
	fill_conn(tx, c, held);
	if (req)
		fill_request(tx, c, req, headers->req);
	if (resp)
		fill_response(tx, c, req, resp, headers->resp);
	if (req && resp) {
		fill_times(tx, held->still_open);
		tx->has_hol = held->hol_ns != UINT64_MAX;
		tx->hol_ns = held->hol_ns;
	}
	fill_parts(tx, c, req, resp, held);
	tx->verdict = verdict_of(tx);
	tx->exchange_id = (uint64_t)tx->req.start_seq << 32 | tx->resp.start_seq;
}

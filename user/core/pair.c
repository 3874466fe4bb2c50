// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <string.h>

#define D_UNBOUNDED (INT64_MAX / 4)

static bool d_known(const struct pair *p)
{
	return p->lo == p->hi;
}

void pair_init(struct pair *p, bool midstream)
{
	memset(p, 0, sizeof(*p));
	if (midstream)
		p->lo = -D_UNBOUNDED;
}

/* --- queues --------------------------------------------------------------------------------- */

static void queue_push(struct http_msg **head, struct http_msg **tail, struct http_msg *msg)
{
	msg->next = NULL;
	if (*tail)
		(*tail)->next = msg;
	else
		*head = msg;
	*tail = msg;
}

static void req_pop(struct pair *p)
{
	p->req_head = p->req_head->next;
	if (!p->req_head)
		p->req_tail = NULL;
	p->req_cnt--;
}

static struct http_msg *resp_pop(struct pair *p)
{
	struct http_msg *resp = p->resp_head;

	p->resp_head = resp->next;
	if (!p->resp_head)
		p->resp_tail = NULL;
	p->resp_cnt--;
	return resp;
}

static struct http_msg *req_find(const struct pair *p, uint64_t index)
{
	struct http_msg *req;

	for (req = p->req_head; req; req = req->next)
		if (req->index == index)
			return req;
	return NULL;
}

/* --- reporting ------------------------------------------------------------------------------ */

/* RFC 9112 §9.3.2: the server answers in order, so a response waits for its predecessor's end. */
static uint64_t hol_time(const struct pair *p, const struct http_msg *req,
			 const struct http_msg *resp)
{
	uint64_t until = p->last_resp_ns;

	if (!req->pipelined || !p->last_resp_known)
		return UINT64_MAX;
	if (resp->m.first_ns < until)
		until = resp->m.first_ns;
	return until > req->m.last_ns ? until - req->m.last_ns : 0;
}

static void report(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req,
		   struct http_msg *resp, uint32_t extra)
{
	uint64_t hol = UINT64_MAX;

	if (req && resp)
		hol = hol_time(p, req, resp);
	if (resp) {
		p->last_resp_known = true;
		p->last_resp_ns = resp->m.last_ns;
	}
	env->ops->exchange(ctx, req, resp, extra, hol);
	http_msg_free(env->http, req);
	http_msg_free(env->http, resp);
}

static void report_unanswered(struct pair *p, const struct pair_env *env, void *ctx,
			      struct http_msg *req, uint32_t extra)
{
	if (extra & TX_GAP)
		env->cnt->ambiguous++;
	report(p, env, ctx, req, NULL, extra | TX_NO_RESPONSE);
}

static void report_orphan(struct pair *p, const struct pair_env *env, void *ctx,
			  struct http_msg *resp, uint32_t extra)
{
	if (extra & TX_GAP)
		env->cnt->ambiguous++;
	report(p, env, ctx, NULL, resp, extra | TX_ORPHAN_RESPONSE);
}

/* Reports, from the front, what is finished: answered on both sides, or given up. */
static void report_finished(struct pair *p, const struct pair_env *env, void *ctx)
{
	struct http_msg *req;

	while ((req = p->req_head) && req->ended) {
		if (req->orphan) {
			req_pop(p);
			report_unanswered(p, env, ctx, req, TX_GAP);
		} else if (req->peer && req->peer->ended) {
			req_pop(p);
			report(p, env, ctx, req, req->peer, 0);
		} else {
			return;
		}
	}
}

/* --- evidence ------------------------------------------------------------------------------- */

static void join(struct http_msg *req, struct http_msg *resp)
{
	req->peer = resp;
	resp->peer = req;
	if (!req->ended || (resp->has_ack && resp->ack < req->end_off))
		req->flags |= TX_EARLY_RESPONSE;
}

/* The last request that can have been answered by resp, as far as TCP tells. */
static int64_t last_candidate(const struct pair *p, const struct http_msg *resp)
{
	int64_t last = p->req_head ? (int64_t)p->req_head->index - 1 : (int64_t)p->req_next - 1;
	struct http_msg *req;

	for (req = p->req_head; req; req = req->next) {
		if (resp->has_ack && resp->ack <= req->start_off)
			break;
		if (req->has_ack && req->ack > resp->start_off)
			break;
		last = req->index;
	}
	return last;
}

/* Requests whose response was certainly lost. */
static void give_up_requests(struct pair *p, int64_t below)
{
	struct http_msg *req;

	for (req = p->req_head; req && (int64_t)req->index < below; req = req->next)
		if (!req->peer)
			req->orphan = true;
}

/* D became known: what waited is paired. */
static void settle(struct pair *p, const struct pair_env *env, void *ctx)
{
	uint64_t first = p->resp_head ? p->resp_head->index : p->resp_next;

	give_up_requests(p, (int64_t)first + p->lo);
	while (p->resp_head) {
		struct http_msg *resp = resp_pop(p);
		int64_t n = (int64_t)resp->index + p->lo;
		struct http_msg *req = n >= 0 ? req_find(p, n) : NULL;

		if (req && !req->peer && !req->orphan)
			join(req, resp);
		else if (resp->ended)
			report_orphan(p, env, ctx, resp, TX_GAP);
		else
			resp->orphan = true; /* reported at its end */
	}
	p->exact_until = 0;
	p->weak = false;
	p->lockstep = 0;
	report_finished(p, env, ctx);
}

/* The evidence contradicts itself, or too much waits: nothing that waits is paired. */
static void give_up_all(struct pair *p, const struct pair_env *env, void *ctx)
{
	give_up_requests(p, INT64_MAX);
	while (p->resp_head) {
		struct http_msg *resp = resp_pop(p);

		if (resp->ended)
			report_orphan(p, env, ctx, resp, TX_GAP);
		else
			resp->orphan = true;
	}
	p->lo = -D_UNBOUNDED;
	p->hi = D_UNBOUNDED;
	p->exact_until = 0;
	p->tentative = false;
	report_finished(p, env, ctx);
}

static void narrow(struct pair *p, const struct pair_env *env, void *ctx)
{
	if (p->lo > p->hi || p->req_cnt > PAIR_WAIT_MAX || p->resp_cnt > PAIR_WAIT_MAX)
		give_up_all(p, env, ctx);
	else if (d_known(p))
		settle(p, env, ctx);
}

/* Responses seen that started before offset `ack`. */
static uint64_t responses_before(const struct pair *p, uint64_t ack)
{
	uint64_t cnt = p->resp_next;
	struct http_msg *resp;

	for (resp = p->resp_head; resp; resp = resp->next)
		if (resp->start_off >= ack)
			return resp->index;
	return cnt;
}

/* Nothing was outstanding when request n was sent. */
static void drained_before(struct pair *p, const struct pair_env *env, void *ctx,
			   const struct http_msg *req)
{
	int64_t d = (int64_t)req->index - (int64_t)responses_before(p, req->ack);

	if (d < p->lo || d > p->hi)
		return;
	p->tentative = true;
	p->tentative_lo = p->lo;
	p->tentative_hi = p->hi;
	p->lo = p->hi = d;
	narrow(p, env, ctx);
}

/* One response between two requests, acknowledged to its end: as a client that does not pipeline does. */
static void count_lockstep(struct pair *p, const struct http_msg *req)
{
	if (req->has_ack && p->resp_next == p->lockstep_resp + 1 && p->last_resp_end == req->ack)
		p->lockstep++;
	else
		p->lockstep = 0;
	p->lockstep_resp = p->resp_next;
}

/* The client pipelined: request n was sent while an earlier one was outstanding. */
static void note_pipelining(struct pair *p)
{
	p->pipelining = true;
	if (!p->tentative)
		return;
	/* The assumption behind D was wrong, and nothing was paired by it yet. */
	p->lo = p->tentative_lo;
	p->hi = p->tentative_hi;
	p->tentative = false;
}

static bool is_pipelined(const struct pair *p, const struct http_msg *req)
{
	const struct http_msg *prev = p->req_tail;

	if (!prev)
		return false;
	if (p->resp_broken || !d_known(p))
		return req->has_ack && prev->has_ack && req->ack == prev->last_ack;
	return !prev->orphan && !(prev->peer && prev->peer->ended);
}

/* --- requests ------------------------------------------------------------------------------- */

void pair_request_head(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req)
{
	req->index = p->req_next++;
	req->pipelined = is_pipelined(p, req);
	if (req->pipelined) {
		req->flags |= TX_PIPELINED;
		note_pipelining(p);
	}
	queue_push(&p->req_head, &p->req_tail, req);
	p->req_cnt++;
	p->last_req_close = req->says_close;
	if (p->req_cnt > PAIR_OUTSTANDING_MAX) {
		give_up_all(p, env, ctx);
		return;
	}
	count_lockstep(p, req);
	if (d_known(p) || p->pipelining || p->resp_broken || !req->has_ack)
		return;
	if (req->ack >= p->hole_end && (!p->weak || p->lockstep >= PAIR_LOCKSTEP))
		drained_before(p, env, ctx, req);
	else
		narrow(p, env, ctx);
}

void pair_request_end(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req)
{
	uint64_t size = req->end_off - req->start_off;

	if (req->m.complete && (!p->req_min_size || size < p->req_min_size))
		p->req_min_size = size;
	report_finished(p, env, ctx);
}

static bool any_unanswered(const struct pair *p)
{
	const struct http_msg *req;

	for (req = p->req_head; req; req = req->next)
		if (!req->peer && !req->orphan)
			return true;
	return false;
}

/*
 * Requests may have been lost in [from, to). Had the client waited for each answer, as many responses were
 * seen that answer no request as requests fit into the hole; otherwise it may have begun to pipeline
 * there, and the next request proves nothing.
 */
void pair_request_hole(struct pair *p, uint64_t from, uint64_t to, bool boundary)
{
	uint64_t size = p->req_min_size ? p->req_min_size : PAIR_REQUEST_MIN;
	int64_t most = (to - from) / PAIR_REQUEST_MIN;
	uint64_t likely = (to - from) / size;

	if (boundary && !likely)
		likely = 1;
	if (likely > p->orphan_cnt || p->resp_broken || any_unanswered(p))
		p->weak = true;
	if (d_known(p)) {
		p->exact_until = p->req_next;
		p->exact_d = p->lo;
		p->tentative = false;
	}
	p->lo = p->lo - most > -D_UNBOUNDED ? p->lo - most : -D_UNBOUNDED;
}

/* --- responses ------------------------------------------------------------------------------ */

static enum http_body body_of(const struct http_msg *req, const struct http_msg *resp)
{
	if (resp->status == 101)
		return HTTP_BODY_TUNNEL;
	if (!req)
		return HTTP_BODY_UNSURE;
	if (req->is_head)
		return HTTP_BODY_NONE;
	if (req->is_connect && resp->status / 100 == 2)
		return HTTP_BODY_TUNNEL;
	return HTTP_BODY_BY_HEADERS;
}

/* What all the requests that resp may answer have in common. */
static enum http_body body_of_any(const struct pair *p, const struct http_msg *resp)
{
	int64_t first = (int64_t)resp->index + p->lo, last = (int64_t)resp->index + p->hi;
	enum http_body common = HTTP_BODY_UNSURE;
	struct http_msg *req;
	bool any = false;

	for (req = p->req_head; req; req = req->next) {
		enum http_body body;

		if ((int64_t)req->index < first || (int64_t)req->index > last)
			continue;
		body = body_of(req, resp);
		if (any && body != common)
			return HTTP_BODY_UNSURE;
		common = body;
		any = true;
	}
	return common;
}

/* A response of which D says that it answers request n. False: TCP says that it cannot. */
static bool answer(struct pair *p, struct http_msg *resp, int64_t n)
{
	struct http_msg *req = n >= 0 ? req_find(p, n) : NULL;

	if (!req || req->peer || req->orphan)
		return false;
	if (req->has_ack && resp->start_off < req->ack)
		return false;
	if (resp->has_ack && resp->ack <= req->start_off)
		return false;
	join(req, resp);
	return true;
}

static void wait_for_evidence(struct pair *p, const struct pair_env *env, void *ctx,
			      struct http_msg *resp)
{
	int64_t most;

	resp->index = p->resp_next++;
	queue_push(&p->resp_head, &p->resp_tail, resp);
	p->resp_cnt++;
	most = last_candidate(p, resp) - (int64_t)resp->index;
	if (most < p->hi)
		p->hi = most;
	narrow(p, env, ctx);
}

enum http_body pair_response_head(struct pair *p, const struct pair_env *env, void *ctx,
				  struct http_msg *resp)
{
	if (resp->status / 100 == 1 && resp->status != 101) {
		p->interim_cnt++;
		return HTTP_BODY_BY_HEADERS;
	}
	resp->interim_cnt = p->interim_cnt;
	p->interim_cnt = 0;
	p->last_resp_close = resp->says_close;
	if (!d_known(p)) {
		int64_t n = (int64_t)p->resp_next + p->exact_d;

		if (n >= 0 && (uint64_t)n < p->exact_until && answer(p, resp, n)) {
			resp->index = p->resp_next++;
			return body_of(resp->peer, resp);
		}
		wait_for_evidence(p, env, ctx, resp);
		if (resp->peer || resp->orphan)
			return body_of(resp->peer, resp);
		return body_of_any(p, resp);
	}
	if (!answer(p, resp, (int64_t)p->resp_next + p->lo)) {
		resp->orphan = true;
		p->orphan_cnt++;
		return body_of(NULL, resp);
	}
	p->tentative = false;
	p->orphan_cnt = 0;
	resp->index = p->resp_next++;
	return body_of(resp->peer, resp);
}

void pair_response_end(struct pair *p, const struct pair_env *env, void *ctx,
		       struct http_msg *resp)
{
	if (resp->status / 100 == 1 && resp->status != 101) {
		http_msg_free(env->http, resp);
		return;
	}
	p->last_resp_end = resp->end_off;
	if (resp->orphan)
		report_orphan(p, env, ctx, resp, d_known(p) ? 0 : TX_GAP);
	else
		report_finished(p, env, ctx);
}

void pair_response_lost(struct pair *p)
{
	p->resp_broken = true;
}

/*
 * Responses may have been lost in [from, to). They answered requests that were sent before the client had
 * acknowledged `to`: as many as are outstanding with such an acknowledgement, at most.
 */
void pair_response_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
			uint64_t to, bool boundary)
{
	struct http_msg *req, *after = NULL;
	int64_t outstanding = 0;
	bool certain;

	p->resp_broken = false;
	for (req = p->req_head; req; req = req->next) {
		if (req->peer || req->orphan)
			continue;
		if (req->has_ack && req->ack >= to) {
			after = req;
			break;
		}
		outstanding++;
	}
	if (!outstanding)
		return;
	certain = boundary && to - from > PAIR_INTERIM_MAX;
	p->weak = p->weak || (!certain && boundary);
	p->hole_end = to;
	p->tentative = false;
	p->hi = p->hi + outstanding < D_UNBOUNDED ? p->hi + outstanding : D_UNBOUNDED;
	p->lo += certain;
	p->interim_cnt = 0;
	if (p->exact_until && certain)
		p->exact_until = 0;
	give_up_requests(p, (int64_t)p->resp_next + p->lo);
	report_finished(p, env, ctx);
	if (after && !p->pipelining && !p->weak && !d_known(p))
		drained_before(p, env, ctx, after);
	else
		narrow(p, env, ctx);
}

/* --- the end -------------------------------------------------------------------------------- */

void pair_finish(struct pair *p, const struct pair_env *env, void *ctx, bool drained,
		 uint32_t extra)
{
	struct http_msg *req;

	if (!d_known(p)) {
		int64_t d = (int64_t)p->req_next - (int64_t)p->resp_next;

		if (drained && !p->resp_broken && d >= p->lo && d <= p->hi &&
		    (!p->last_resp_close || p->last_req_close)) {
			p->lo = p->hi = d;
			settle(p, env, ctx);
		} else {
			give_up_all(p, env, ctx);
		}
	}
	while ((req = p->req_head)) {
		req_pop(p);
		if (req->peer)
			report(p, env, ctx, req, req->peer, extra);
		else
			report_unanswered(p, env, ctx, req,
					  extra | (p->resp_broken || req->orphan ? TX_GAP : 0));
	}
}

void pair_free(struct pair *p, const struct pair_env *env)
{
	while (p->req_head) {
		struct http_msg *req = p->req_head;

		req_pop(p);
		http_msg_free(env->http, req->peer);
		http_msg_free(env->http, req);
	}
	while (p->resp_head)
		http_msg_free(env->http, resp_pop(p));
}

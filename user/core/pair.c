// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <string.h>

#include "evidence.h"

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

/* Takes the response behind prev (NULL: the first) out of the queue. */
static struct http_msg *resp_take(struct pair *p, struct http_msg *prev)
{
	struct http_msg *resp = prev ? prev->next : p->resp_head;

	if (prev)
		prev->next = resp->next;
	else
		p->resp_head = resp->next;
	if (p->resp_tail == resp)
		p->resp_tail = prev;
	p->resp_cnt--;
	return resp;
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

/* Passes both into the callee's ownership. */
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
			evidence_keep_peak(p, req);
			req_pop(p);
			report_unanswered(p, env, ctx, req, TX_GAP);
		} else if (req->peer && req->peer->ended) {
			evidence_keep_peak(p, req);
			req_pop(p);
			report(p, env, ctx, req, req->peer, 0);
		} else {
			return;
		}
	}
}

/* --- alignment ------------------------------------------------------------------------------- */

static void join(struct http_msg *req, struct http_msg *resp)
{
	req->peer = resp;
	resp->peer = req;
	if (!req->ended || (resp->has_ack && resp->ack < req->end_off))
		req->flags |= TX_EARLY_RESPONSE;
}

/* A response that answers no request that is known. */
static void give_up_response(struct pair *p, const struct pair_env *env, void *ctx,
			     struct http_msg *resp)
{
	if (resp->ended)
		report_orphan(p, env, ctx, resp, TX_GAP);
	else
		resp->orphan = true; /* reported at its end */
}

/* Nothing that waits will be paired, up to these numbers. */
static void give_up(struct pair *p, const struct pair_env *env, void *ctx, uint64_t req_below,
		    uint64_t resp_below)
{
	struct http_msg *req;

	for (req = p->req_head; req && req->index < req_below; req = req->next)
		if (!req->peer)
			req->orphan = true;
	while (p->resp_head && p->resp_head->index < resp_below)
		give_up_response(p, env, ctx, resp_take(p, NULL));
	report_finished(p, env, ctx);
}

static void drop_align(struct pair *p, const struct pair_env *env)
{
	mem_free(env->http->mem, p->align, sizeof(*p->align));
	p->align = NULL;
}

/* From here on n - p is known to lie in [lo, hi] only. */
static bool need_align(struct pair *p, const struct pair_env *env, int64_t lo, int64_t hi)
{
	if (p->align)
		return true;
	p->align = mem_alloc(env->http->mem, sizeof(*p->align));
	p->blind = !p->align;
	if (p->blind)
		env->cnt->memory_dropped++;
	else
		align_init(p->align, lo, hi);
	return !p->blind;
}

void pair_init(struct pair *p, const struct pair_env *env, bool midstream, bool fresh)
{
	memset(p, 0, sizeof(*p));
	p->fresh = fresh;
	p->req_pending_off = UINT64_MAX;
	if (midstream)
		need_align(p, env, -ALIGN_FAR, ALIGN_FAR);
}

/* --- resolution ------------------------------------------------------------------------------ */

/* Back to one number, when nothing that waits needs more. */
static void settle(struct pair *p, const struct pair_env *env)
{
	unsigned int i = p->align->cnt[ALIGN_REQUESTS] - 1;
	unsigned int j = p->align->cnt[ALIGN_RESPONSES] - 1;
	uint64_t first = p->align->region[ALIGN_REQUESTS][i].first;
	const struct http_msg *req;
	int64_t lo, hi;

	if (p->resp_head || p->req_broken || p->resp_broken ||
	    !align_range(p->align, i, j, &lo, &hi))
		return;
	for (req = p->req_head; req; req = req->next)
		if (!req->peer && !req->orphan && req->index < first)
			return;
	for (struct http_msg *known = p->req_head; known; known = known->next)
		evidence_keep_peak(p, known);
	p->d = lo;
	p->before.known = false;
	drop_align(p, env);
}

/* Whether a message of a region can be told apart behind the last hole of the other side. */
static bool is_certain(const struct pair *p, enum align_side side, uint64_t index)
{
	const struct align *a = p->align;
	unsigned int i = a->cnt[ALIGN_REQUESTS] - 1, j = a->cnt[ALIGN_RESPONSES] - 1;
	int64_t lo, hi;

	if (side == ALIGN_REQUESTS)
		i = align_region_of(a, side, index);
	else
		j = align_region_of(a, side, index);
	return align_range(a, i, j, &lo, &hi);
}

/*
 * Behind the last holes the count is known again. What lies before them and is still open can only be decided by
 * a habit that is not proven yet: it keeps later requests from being reported, so it is given up when
 * the habits are known, or too many wait.
 */
static void give_up_hopeless(struct pair *p, const struct pair_env *env, void *ctx)
{
	struct http_msg *req, *resp, *prev = NULL, *next;

	if (p->req_broken || p->resp_broken || !is_certain(p, ALIGN_REQUESTS, UINT64_MAX) ||
	    (!evidence_habits_known(p) && p->req_cnt <= PAIR_PATIENCE))
		return;
	for (req = p->req_head; req; req = req->next)
		if (!req->peer && !is_certain(p, ALIGN_REQUESTS, req->index))
			req->orphan = true;
	for (resp = p->resp_head; resp; resp = next) {
		next = resp->next;
		if (is_certain(p, ALIGN_RESPONSES, resp->index))
			prev = resp;
		else
			give_up_response(p, env, ctx, resp_take(p, prev));
	}
}

/* Draws the conclusions from the evidence. */
static void resolve(struct pair *p, const struct pair_env *env, void *ctx)
{
	struct http_msg *req, *resp, *prev = NULL, *next;
	bool alive;

	evidence_assume(p);
	if (p->align->contradiction) {
		window_refute(&p->window);
		give_up(p, env, ctx, UINT64_MAX, UINT64_MAX);
		align_init(p->align, -ALIGN_FAR, ALIGN_FAR);
	}
	if (p->req_cnt > PAIR_WAIT_MAX || p->resp_cnt > PAIR_WAIT_MAX)
		give_up(p, env, ctx, UINT64_MAX, UINT64_MAX);
	for (resp = p->resp_head; resp; resp = next) {
		next = resp->next;
		req = evidence_only_request(p, resp, &alive);
		if (!req && alive) {
			prev = resp;
			continue;
		}
		resp_take(p, prev);
		if (req)
			join(req, resp);
		else
			give_up_response(p, env, ctx, resp);
	}
	give_up_hopeless(p, env, ctx);
	for (req = p->req_head; req; req = req->next)
		if (!req->peer && !req->orphan && !evidence_answerable(p, req))
			req->orphan = true;
	settle(p, env);
	report_finished(p, env, ctx);
}

/* A hole [from, to) in one direction may have hidden messages. */
static void add_hole(struct pair *p, const struct pair_env *env, void *ctx, enum align_side side,
		     uint64_t from, uint64_t to, int64_t least)
{
	struct align *a;
	uint64_t next = side == ALIGN_REQUESTS ? p->req_next : p->resp_next;

	p->fresh = false;
	if (side == ALIGN_REQUESTS)
		p->before.known = false;
	if (!need_align(p, env, p->d, p->d)) {
		give_up(p, env, ctx, UINT64_MAX, UINT64_MAX);
		return;
	}
	a = p->align;
	if (align_full(a, side)) {
		uint64_t below = a->region[side][1].first;

		give_up(p, env, ctx, side == ALIGN_REQUESTS ? below : 0,
			side == ALIGN_REQUESTS ? 0 : below);
		align_forget(a, side);
	}
	align_hole(a, side, from, to, next, least, (int64_t)((to - from) / PAIR_MESSAGE_MIN));
	resolve(p, env, ctx);
}

/* --- requests -------------------------------------------------------------------------------- */

/* Whether the client had not received all of the answers when it sent req. */
static bool is_pipelined(const struct pair *p, const struct http_msg *req)
{
	const struct http_msg *prev = p->req_tail;

	if (!req->has_ack)
		return prev && !p->align && !(prev->peer && prev->peer->ended);
	if (req->ack < p->last_resp_end)
		return true;
	/* Nothing came behind a response that the server began before it had the previous request. */
	if (req->ack == p->last_resp_end && p->last_resp_has_ack && p->last_resp_ack < p->prev_end)
		return true;
	if (!prev)
		return false;
	if (prev->has_ack && req->ack == prev->last_ack)
		return true;
	return !p->align && !p->resp_broken && req->ack <= p->resp_off && !prev->orphan &&
	       !(prev->peer && prev->peer->ended);
}

void pair_request_head(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req)
{
	req->index = p->req_next++;
	req->pipelined = is_pipelined(p, req);
	if (req->pipelined) {
		req->flags |= TX_PIPELINED;
		p->pipelining = true;
	}
	evidence_window(p, req);
	queue_push(&p->req_head, &p->req_tail, req);
	p->req_cnt++;
	if (p->blind && !need_align(p, env, -ALIGN_FAR, ALIGN_FAR)) {
		req->orphan = true;
		return;
	}
	if (p->align) {
		evidence_request(p, req);
		resolve(p, env, ctx);
	} else if (p->req_cnt > PAIR_OUTSTANDING_MAX) {
		give_up(p, env, ctx, UINT64_MAX, UINT64_MAX);
	}
}

void pair_request_end(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req)
{
	p->prev_end = req->end_off;
	report_finished(p, env, ctx);
}

void pair_request_lost(struct pair *p, uint64_t off)
{
	p->req_broken = true;
	p->req_lost_off = off;
}

void pair_request_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
		       uint64_t to, bool boundary)
{
	p->req_broken = false;
	if (from == to)
		return;
	add_hole(p, env, ctx, ALIGN_REQUESTS, from, to, boundary && to - from >= PAIR_MESSAGE_MIN);
}

/* --- responses ------------------------------------------------------------------------------- */

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

/* A response of which it is known that it answers request n. False: TCP says that it cannot. */
static bool answer(struct pair *p, struct http_msg *resp, int64_t n)
{
	struct http_msg *req = n >= 0 ? evidence_find_request(p, n) : NULL;

	if (!req || req->peer || req->orphan)
		return false;
	if (req->has_ack && resp->start_off < req->ack)
		return false;
	if (resp->has_ack && resp->ack <= req->start_off)
		return false;
	join(req, resp);
	return true;
}

/* Whether the next response answers a request before the first one that waits: a hole hid that. */
static bool answers_hidden(const struct pair *p)
{
	uint64_t first = p->req_head ? p->req_head->index : p->req_next;

	return (int64_t)p->resp_next + p->d < (int64_t)first;
}

static bool is_interim(const struct http_msg *resp)
{
	return resp->status / 100 == 1 && resp->status != 101;
}

static void number(struct pair *p, struct http_msg *resp)
{
	resp->index = p->resp_next++;
	resp->numbered = true;
}

static void wait_for_evidence(struct pair *p, const struct pair_env *env, void *ctx,
			      struct http_msg *resp)
{
	number(p, resp);
	evidence_acks(p, resp);
	evidence_received(p, resp);
	p->resp_start = resp->start_off;
	queue_push(&p->resp_head, &p->resp_tail, resp);
	p->resp_cnt++;
	resolve(p, env, ctx);
}

enum http_body pair_response_head(struct pair *p, const struct pair_env *env, void *ctx,
				  struct http_msg *resp)
{
	if (is_interim(resp)) {
		p->interim_cnt++;
		return HTTP_BODY_BY_HEADERS;
	}
	resp->interim_cnt = p->interim_cnt;
	p->interim_cnt = 0;
	p->says_close = resp->says_close;
	if (!p->align && !p->blind && evidence_more_requests(p, resp) &&
	    (int64_t)p->resp_next + p->d >= (int64_t)p->req_next)
		need_align(p, env, p->d, p->d);
	if (p->align) {
		wait_for_evidence(p, env, ctx, resp);
	} else if (!p->blind && answers_hidden(p)) {
		number(p, resp);
		p->resp_start = resp->start_off;
		resp->flags |= TX_GAP;
		resp->orphan = true;
	} else if (!p->blind && answer(p, resp, (int64_t)p->resp_next + p->d)) {
		number(p, resp);
		p->resp_start = resp->start_off;
	} else {
		resp->orphan = true;
	}
	return body_of(resp->peer, resp);
}

void pair_response_end(struct pair *p, const struct pair_env *env, void *ctx,
		       struct http_msg *resp)
{
	if (is_interim(resp)) {
		http_msg_free(env->http, resp);
		return;
	}
	if (resp->numbered) {
		p->ends[resp->index % PAIR_ENDS] = resp->end_off;
		p->ended = resp->index + 1;
	}
	p->last_resp_end = resp->end_off;
	p->last_resp_has_ack = resp->has_ack;
	p->last_resp_ack = resp->ack;
	p->ended_ns = resp->m.last_ns;
	if (resp->orphan)
		report_orphan(p, env, ctx, resp, p->align || p->blind ? TX_GAP : 0);
	else
		report_finished(p, env, ctx);
}

void pair_response_lost(struct pair *p, uint64_t off)
{
	p->resp_broken = true;
	p->resp_lost_off = off;
	p->before.run = 0;
}

/* Whether a request that is known may have been answered before offset `to`. */
static bool any_outstanding(const struct pair *p, uint64_t to)
{
	const struct http_msg *req;

	for (req = p->req_head; req; req = req->next)
		if (!req->peer && !req->orphan && !(req->has_ack && req->ack >= to))
			return true;
	return false;
}

void pair_response_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
			uint64_t to, bool boundary)
{
	p->resp_broken = false;
	p->interim_cnt = 0;
	if (from == to)
		return;
	if (!p->align && !p->blind && !p->req_broken && !any_outstanding(p, to))
		return; /* it answers nothing that was asked */
	add_hole(p, env, ctx, ALIGN_RESPONSES, from, to, boundary && to - from > PAIR_INTERIM_MAX);
}

/* --- the end --------------------------------------------------------------------------------- */

void pair_finish(struct pair *p, const struct pair_env *env, void *ctx, bool drained)
{
	struct http_msg *req;
	bool broken = p->req_broken || p->resp_broken;

	if (p->align && drained && !broken) {
		unsigned int i = p->align->cnt[ALIGN_REQUESTS] - 1;
		unsigned int j = p->align->cnt[ALIGN_RESPONSES] - 1;
		int64_t d = (int64_t)p->req_next - (int64_t)p->resp_next;

		int64_t lo, hi;

		align_range(p->align, i, j, &lo, &hi);
		if (d >= lo && d <= hi) {
			align_at_most(p->align, i, j, d);
			align_at_least(p->align, i, j, d);
			resolve(p, env, ctx);
		}
	}
	if (p->align) {
		give_up(p, env, ctx, UINT64_MAX, UINT64_MAX);
		drop_align(p, env);
	}
	while ((req = p->req_head)) {
		req_pop(p);
		if (req->peer)
			report(p, env, ctx, req, req->peer, 0);
		else
			report_unanswered(p, env, ctx, req, broken || req->orphan ? TX_GAP : 0);
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
		http_msg_free(env->http, resp_take(p, NULL));
	drop_align(p, env);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "evidence.h"

#include <string.h>

struct http_msg *evidence_find_request(const struct pair *p, uint64_t index)
{
	struct http_msg *req;

	for (req = p->req_head; req; req = req->next)
		if (req->index == index)
			return req;
	return NULL;
}

/* --- what TCP says ---------------------------------------------------------------------------- */

/*
 * What response resp, number p of region j, says of the requests. One that acknowledged more than resp's
 * start was sent after it. One that acknowledged no more, but everything before resp, was sent when the server had
 * begun p + V[j] responses: at least so many requests came before it.
 */
void evidence_acks(struct pair *p, const struct http_msg *resp)
{
	unsigned int j = p->align->cnt[ALIGN_RESPONSES] - 1;
	const struct align_region *region = &p->align->region[ALIGN_RESPONSES][j];
	bool first = resp->index == region->first;
	const struct http_msg *req;

	for (req = p->req_head; req; req = req->next) {
		int64_t diff = (int64_t)req->index - (int64_t)resp->index;
		unsigned int i;

		if (!req->has_ack || req->peer)
			continue;
		i = align_region_of(p->align, ALIGN_REQUESTS, req->index);
		if (req->ack > resp->start_off) {
			align_at_most(p->align, i, j, diff - 1);
		} else if (req->ack >= region->to && (first || req->ack > p->resp_start)) {
			align_at_most(p->align, i, j, diff);
		}
	}
}

/* A response answers a request of which the server had received the beginning. */
void evidence_received(struct pair *p, const struct http_msg *resp)
{
	unsigned int j = p->align->cnt[ALIGN_RESPONSES] - 1;
	uint64_t cnt = p->req_head ? p->req_head->index : p->req_next;
	const struct http_msg *req;

	if (!resp->has_ack || (p->req_broken && resp->ack > p->req_lost_off))
		return;
	for (req = p->req_head; req; req = req->next)
		if (req->start_off < resp->ack)
			cnt = req->index + 1;
	if (p->req_pending_off < resp->ack)
		cnt++;
	align_at_most(p->align, align_region_at(p->align, ALIGN_REQUESTS, resp->ack), j,
		      (int64_t)cnt - (int64_t)resp->index - 1);
}

/* A request answers nothing that was sent before what it acknowledges. */
void evidence_request(struct pair *p, const struct http_msg *req)
{
	unsigned int i = p->align->cnt[ALIGN_REQUESTS] - 1;
	const struct http_msg *resp, *last = NULL;

	for (resp = p->resp_head; resp && req->has_ack; resp = resp->next)
		if (resp->start_off < req->ack)
			last = resp;
	if (last)
		align_at_most(p->align, i,
			      align_region_of(p->align, ALIGN_RESPONSES, last->index),
			      (int64_t)req->index - (int64_t)last->index - 1);
}

/* --- the client's window ---------------------------------------------------------------------- */

/*
 * How many responses had ended by what req acknowledged, in the numbers of those seen. Not known where the
 * stream was not followed that far, or too many ended since.
 */
static void count_answered(const struct pair *p, struct http_msg *req)
{
	uint64_t cnt = p->ended, oldest = cnt > PAIR_ENDS ? cnt - PAIR_ENDS : 0;

	if (!req->has_ack || (p->resp_off && req->ack > p->resp_off) || p->resp_unsure)
		return;
	if (p->resp_broken && req->ack > p->resp_lost_off) {
		cnt = p->resp_next;
	} else {
		while (cnt > oldest && p->ends[(cnt - 1) % PAIR_ENDS] > req->ack)
			cnt--;
		if (cnt && cnt == oldest)
			return;
	}
	req->has_answered = true;
	req->answered = cnt;
}

/*
 * The requests outstanding when req had been sent, itself among them, are *base - (V[*j] - U[*i]); at least
 * so many where a hole hid the end of what it acknowledged.
 */
static bool standing(const struct pair *p, const struct http_msg *req, unsigned int *i,
		     unsigned int *j, int64_t *base)
{
	const struct align_region *resp;

	if (!req->has_answered || (p->resp_broken && req->ack > p->resp_lost_off))
		return false;
	*i = align_region_of(p->align, ALIGN_REQUESTS, req->index);
	*j = align_region_of(p->align, ALIGN_RESPONSES, req->answered);
	resp = &p->align->region[ALIGN_RESPONSES][*j];
	if (resp->first == req->answered && req->ack <= resp->from) {
		if (!*j)
			return false;
		(*j)--;
	}
	if (req->index < p->align->region[ALIGN_REQUESTS][*i].first ||
	    req->answered < p->align->region[ALIGN_RESPONSES][*j].first)
		return false;
	*base = (int64_t)req->index + 1 - (int64_t)req->answered;
	return true;
}

/* The client's ceiling, with what the requests that wait prove of it. */
static unsigned int ceiling_now(const struct pair *p)
{
	struct window w = p->window;
	const struct http_msg *req;
	unsigned int i, j;
	int64_t base, lo, hi;

	for (req = p->req_head; req; req = req->next) {
		if (!standing(p, req, &i, &j, &base))
			continue;
		if (align_range(p->align, i, j, &lo, &hi) && req->peak)
			window_peak(&w, base - hi);
		else
			window_reach(&w, base - hi);
	}
	return window_ceiling(&w);
}

/* How often a round began in regions (i, j), and what that makes of V[j] - U[i]. */
struct rounds {
	unsigned int cnt[ALIGN_REGIONS][ALIGN_REGIONS];
	int64_t base[ALIGN_REGIONS][ALIGN_REGIONS];
};

/* False: they contradict each other, so that this client does not go by rounds. */
static bool count_rounds(const struct pair *p, struct rounds *r)
{
	const struct http_msg *req;
	unsigned int i, j;
	int64_t base;

	memset(r, 0, sizeof(*r));
	for (req = p->req_head; req; req = req->next) {
		if (!req->round || !standing(p, req, &i, &j, &base))
			continue;
		if (r->cnt[i][j]++ && r->base[i][j] != base)
			return false;
		r->base[i][j] = base;
	}
	return true;
}

static void assume(struct pair *p, unsigned int i, unsigned int j, int64_t least)
{
	int64_t lo, hi;

	align_range(p->align, i, j, &lo, &hi);
	if (least <= hi) {
		align_at_least(p->align, i, j, least);
		return;
	}
	window_refute(&p->window);
	p->pipelining = true;
}

/* Nothing was outstanding when a round began. So many rounds between two holes have to agree. */
static void assume_rounds(struct pair *p, unsigned int agree)
{
	struct rounds r;

	if (!count_rounds(p, &r)) {
		p->window.no_rounds = true;
		return;
	}
	for (unsigned int i = 0; i < ALIGN_REGIONS; i++)
		for (unsigned int j = 0; j < ALIGN_REGIONS; j++)
			if (r.cnt[i][j] >= agree)
				assume(p, i, j, r.base[i][j] - 1);
}

/* No request exceeded the ceiling. */
static void assume_ceiling(struct pair *p, unsigned int ceiling)
{
	const struct http_msg *req;
	unsigned int i, j;
	int64_t base;

	for (req = p->req_head; req; req = req->next)
		if (standing(p, req, &i, &j, &base))
			assume(p, i, j, base - ceiling);
}

/*
 * Whether a connection that was picked up midstream is taken to have begun with nothing outstanding: its first
 * response is not to wait. It did not where more responses come than requests were seen.
 */
static bool began_drained(struct pair *p)
{
	if (p->fresh && p->resp_next > p->req_next && !p->req_broken &&
	    p->req_pending_off == UINT64_MAX) {
		p->fresh = false;
		p->pipelining = true;
	}
	return p->fresh && p->resp_head;
}

/* A client that was never seen to pipeline waits for each answer, as far as its requests prove it. */
static bool is_patient(const struct pair *p)
{
	return !p->pipelining && p->window.waited >= WINDOW_WAITED;
}

bool evidence_habits_known(const struct pair *p)
{
	return is_patient(p) || window_in_rounds(&p->window) || window_ceiling(&p->window);
}

/* Takes the client's habits for granted. */
void evidence_assume(struct pair *p)
{
	unsigned int ceiling;

	if (!p->pipelining && (began_drained(p) || is_patient(p))) {
		assume_ceiling(p, 1);
		return;
	}
	if (window_in_rounds(&p->window) || (!p->pipelining && p->window.waited >= WINDOW_WAITED_ROUNDS))
		assume_rounds(p, 2);
	ceiling = ceiling_now(p);
	if (ceiling)
		assume_ceiling(p, ceiling);
}

/* A peak that is certain by now is kept when its request goes. */
void evidence_keep_peak(struct pair *p, struct http_msg *req)
{
	unsigned int i, j;
	int64_t base, lo, hi;

	if (req->peak && p->align && standing(p, req, &i, &j, &base) &&
	    align_range(p->align, i, j, &lo, &hi))
		window_peak(&p->window, base - lo);
	req->peak = false;
}

/* The client sent req, with what came before it known: the last peak, the last round. */
static void weigh_previous(struct pair *p, struct http_msg *req)
{
	struct http_msg *prev = p->req_tail;

	if (req->answered > p->before.answered) {
		req->round = true;
		if (p->before.run)
			window_round(&p->window, p->before.run,
				     req->answered - p->before.answered);
		if (!p->align && !p->blind)
			window_peak(&p->window, (int64_t)p->before.index + 1 -
							((int64_t)p->before.answered + p->d));
		else if (prev && prev->index == p->before.index)
			prev->peak = true;
		p->before.run = 1;
	} else if (p->before.run && !p->resp_broken) {
		window_reach(&p->window, ++p->before.run);
	} else {
		p->before.run = 0;
	}
}

void evidence_window(struct pair *p, struct http_msg *req)
{
	p->window.waited += req->has_ack && p->last_resp_end == req->ack;
	count_answered(p, req);
	if (!req->has_answered) {
		p->before.known = false;
		return;
	}
	if (p->before.known)
		weigh_previous(p, req);
	else
		p->before.run = 0;
	if (!req->index)
		p->before.run = 1;
	p->before.known = true;
	p->before.index = req->index;
	p->before.answered = req->answered;
}

/* --- what follows ---------------------------------------------------------------------------- */

/* The messages [first, end) of a region. */
static void region_span(const struct pair *p, enum align_side side, unsigned int n, uint64_t *first,
			uint64_t *end)
{
	const struct align *a = p->align;

	*first = a->region[side][n].first;
	if (n + 1 < a->cnt[side])
		*end = a->region[side][n + 1].first;
	else
		*end = side == ALIGN_REQUESTS ? p->req_next : p->resp_next;
}

/* Whether resp may answer a request that is not numbered yet: its header section is still coming, or a hole is
 * there whose end is not found. */
bool evidence_more_requests(const struct pair *p, const struct http_msg *resp)
{
	uint64_t off = p->req_broken ? p->req_lost_off : p->req_pending_off;

	return off != UINT64_MAX && !(resp->has_ack && resp->ack <= off);
}

/*
 * The one request that resp can answer. *alive: it may answer a request that is not reported yet, so that
 * further evidence may help.
 */
struct http_msg *evidence_only_request(const struct pair *p, const struct http_msg *resp, bool *alive)
{
	unsigned int i, j = align_region_of(p->align, ALIGN_RESPONSES, resp->index);
	uint64_t waiting = p->req_head ? p->req_head->index : p->req_next;

	*alive = false;
	for (i = 0; i < p->align->cnt[ALIGN_REQUESTS]; i++) {
		uint64_t first, end;
		int64_t lo, hi;
		bool certain = align_range(p->align, i, j, &lo, &hi);
		struct http_msg *req;

		region_span(p, ALIGN_REQUESTS, i, &first, &end);
		if (i + 1 == p->align->cnt[ALIGN_REQUESTS] && evidence_more_requests(p, resp))
			end = UINT32_MAX;
		if (first < waiting)
			first = waiting;
		lo += resp->index;
		hi += resp->index;
		if (hi < (int64_t)first || lo >= (int64_t)end)
			continue;
		req = certain ? evidence_find_request(p, lo) : NULL;
		if (req && !req->peer && !req->orphan)
			return req;
		*alive |= !certain || lo >= (int64_t)p->req_next;
	}
	return NULL;
}

/* Whether a response that waits, or one that is still to come, can answer req. */
bool evidence_answerable(const struct pair *p, const struct http_msg *req)
{
	unsigned int j, i = align_region_of(p->align, ALIGN_REQUESTS, req->index);
	unsigned int last = p->align->cnt[ALIGN_RESPONSES] - 1;

	for (j = 0; j <= last; j++) {
		uint64_t first, end;
		int64_t lo, hi;

		align_range(p->align, i, j, &lo, &hi);
		region_span(p, ALIGN_RESPONSES, j, &first, &end);
		if (!p->resp_head)
			first = end;
		else if (first < p->resp_head->index)
			first = p->resp_head->index;
		if (j < last && first >= end)
			continue;
		/* Response n - D, D in [lo, hi] */
		if ((int64_t)req->index - hi < (j == last ? INT64_MAX : (int64_t)end) &&
		    (int64_t)req->index - lo >= (int64_t)first)
			return true;
	}
	return false;
}


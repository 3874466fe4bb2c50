/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * evidence.h - what pairing knows about n - p, the number of a request minus that of its response, once holes
 * have hidden messages. Part of pair.h: works on its struct pair and writes into p->align.
 *
 *	facts    TCP's causality: what a message acknowledged, and what that leaves possible
 *	habits   window.h: how this client lets requests be outstanding; assumed once it has shown it
 *
 * All but evidence_window() and evidence_keep_peak() need p->align.
 */
#ifndef HTTPLAT_EVIDENCE_H
#define HTTPLAT_EVIDENCE_H

#include "pair.h"

/* The request with this number that is not reported yet; NULL: none. */
struct http_msg *evidence_find_request(const struct pair *p, uint64_t index);

/* The facts that a new response brings, before it is queued; that a new request brings, when it is queued. */
void evidence_acks(struct pair *p, const struct http_msg *resp);
void evidence_received(struct pair *p, const struct http_msg *resp);
void evidence_request(struct pair *p, const struct http_msg *req);

/* What a new request, not queued yet, says of the client's habits. */
void evidence_window(struct pair *p, struct http_msg *req);

/* A peak that is certain by now is kept when its request goes, or when p->align does. */
void evidence_keep_peak(struct pair *p, struct http_msg *req);

/* Takes the habits that are proven for granted. */
void evidence_assume(struct pair *p);

/* Whether a habit is proven, so that waiting for one is over. */
bool evidence_habits_known(const struct pair *p);

/* Whether resp may answer a request that is not numbered yet: its header section is still coming, or a hole is
 * there whose end is not found. Needs no p->align. */
bool evidence_more_requests(const struct pair *p, const struct http_msg *resp);

/* The one request that resp can answer; NULL: not known, or none. *alive: it may answer a request that is not
 * reported yet, so that further evidence may help. */
struct http_msg *evidence_only_request(const struct pair *p, const struct http_msg *resp,
				       bool *alive);

/* Whether a response that waits, or one that is still to come, can answer req. */
bool evidence_answerable(const struct pair *p, const struct http_msg *req);

#endif

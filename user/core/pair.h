/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair.h - which response answers which request, on one connection.
 *
 * Responses come in the order of their requests (RFC 9112 §9.3.2). Number the requests that were seen n = 0, 1, ..
 * and the responses that were seen p = 0, 1, ..: then response p answers request n = p + D, with D = 0 as
 * long as nothing was missed. A response that was lost raises D by one, a request that was lost lowers it. What a
 * hole contained is not known, so D is an interval [lo, hi]; while it holds more than one number,
 * responses wait, and evidence narrows it:
 *
 *	hi   TCP's causality: response p starts at or after what the client had acknowledged when it sent the
 *	     request (resp.start >= req.ack), and the server had received the request's beginning
 *	     (resp.ack > req.start). Both bound p + D from above.
 *	lo   a hole that begins where a message starts and is longer than any plausible 1xx response
 *	     held at least one final response.
 *	both a drained connection: when nothing is outstanding, D = n - p for the next of each. A client that was
 *	     never seen to pipeline drains the connection before each request; any client has drained
 *	     it when the connection ends in order.
 *
 * A wrong pair is the worst that can happen, so where the interval stays open the requests are reported
 * without a response and the responses as orphans.
 */
#ifndef HTTPLAT_PAIR_H
#define HTTPLAT_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "http.h"

/* A hole up to this long may have held nothing but a 1xx response. */
#define PAIR_INTERIM_MAX 160
/* "GET / HTTP/1.1" and two line ends: no request is shorter. */
#define PAIR_REQUEST_MIN 16
/* Messages that may wait for evidence, of each kind. */
#define PAIR_WAIT_MAX 256
/* Requests that may wait for their response. */
#define PAIR_OUTSTANDING_MAX 8192
/* So many exchanges in lockstep prove a client that does not pipeline. */
#define PAIR_LOCKSTEP 3

struct pair_ops {
	/* An exchange ended: one of req, resp may be NULL. Both are borrowed. extra: further enum tx_flag. hol_ns:
	 * with a pipelined request, how long its response waited for its predecessor's end; UINT64_MAX unknown. */
	void (*exchange)(void *ctx, struct http_msg *req, struct http_msg *resp, uint32_t extra,
			 uint64_t hol_ns);
};

struct pair_env {
	const struct pair_ops *ops;
	const struct http_env *http;
	struct counters *cnt;
};

struct pair {
	struct http_msg *req_head, *req_tail;   /* unanswered, in order */
	struct http_msg *resp_head, *resp_tail; /* waiting for evidence, in order */
	unsigned int req_cnt, resp_cnt;
	uint64_t req_next, resp_next; /* numbers of the next ones */
	int64_t lo, hi;
	bool pipelining;         /* the client was seen to pipeline */
	bool resp_broken;        /* the position in the response stream is lost */
	bool weak;               /* the hole may have held nothing but a 1xx */
	bool tentative;          /* D was set by a client that seems not to pipeline */
	int64_t tentative_lo, tentative_hi;
	uint64_t exact_until; /* requests below this number pair with exact_d whatever [lo, hi] is */
	int64_t exact_d;
	uint64_t hole_end;
	uint64_t last_req_ack;
	uint64_t last_resp_end; /* offset behind the last response that ended */
	uint64_t last_resp_ns;
	bool last_resp_known, last_resp_close, last_req_close;
	unsigned int lockstep;
	uint64_t lockstep_resp; /* resp_next at the previous request */
	uint64_t req_min_size; /* shortest complete request; 0: none yet */
	uint64_t orphan_cnt;   /* responses without a request since the last pair */
	uint32_t interim_cnt;
};

/* midstream: requests before the first one seen may be outstanding. */
void pair_init(struct pair *p, bool midstream);

/* The calls of struct http_ops, by role. Messages pass into the pair's ownership at their head. */
void pair_request_head(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req);
void pair_request_end(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req);
enum http_body pair_response_head(struct pair *p, const struct pair_env *env, void *ctx,
				  struct http_msg *resp);
void pair_response_end(struct pair *p, const struct pair_env *env, void *ctx,
		       struct http_msg *resp);
void pair_request_hole(struct pair *p, uint64_t from, uint64_t to, bool boundary);
void pair_response_lost(struct pair *p);
void pair_response_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
			uint64_t to, bool boundary);

/* The connection is over and both streams have ended their messages. drained: it ended in order, with everything
 * answered and acknowledged. extra: flags for what is reported without its other half. */
void pair_finish(struct pair *p, const struct pair_env *env, void *ctx, bool drained,
		 uint32_t extra);

/* Frees without reporting. */
void pair_free(struct pair *p, const struct pair_env *env);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair.h - which response answers which request, on one connection.
 *
 * Responses come in the order of their requests (RFC 9112 §9.3.2). Number the requests that were seen n = 0, 1, ..
 * and the responses p = 0, 1, ..: as long as nothing was missed, response p answers request n = p. Where a
 * hole may have hidden messages, their number is unknown, and so is n - p from there on. align.h keeps what is known
 * about it as inequalities; a response is paired when they leave one request, and waits until then. They come from
 *
 *	size       a hole holds no more messages than fit into it; one that begins and ends where messages start
 *	           hid at least one (of the responses only if it is too long for 1xx ones)
 *	causality  a response starts at or after what the client had acknowledged when it sent the request
 *	           (resp.start >= req.ack), and the server had received the request's beginning by then
 *	           (resp.ack > req.start)
 *	drained    when nothing is outstanding, the next response answers the next request: at the end of a
 *	           connection that ended in order; when a client whose habit is known (window.h) begins
 *	           a round; at the beginning of a connection that was picked up midstream, while nothing
 *	           points to pipelining
 *	ceiling    a client whose habit is known lets no more requests be outstanding than it ever did
 *
 * The first two are facts, the others assumptions, with thresholds in window.h. A habit is applied where two rounds
 * between the same holes agree, and to all that waits: so evidence that comes late still aligns what was sent
 * before. What cannot be decided once the count is known again is given up, for it keeps later requests from being
 * reported.
 *
 * A wrong pair is the worst that can happen, so what no evidence decides is reported apart: the request without a
 * response and the response as an orphan, both with TX_GAP.
 */
#ifndef HTTPLAT_PAIR_H
#define HTTPLAT_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "align.h"
#include "counters.h"
#include "http.h"
#include "window.h"

/* A hole up to this long may have held nothing but 1xx responses. */
#define PAIR_INTERIM_MAX 512
/* "GET / HTTP/1.1" or "HTTP/1.1 200", and two line ends: no message is shorter. */
#define PAIR_MESSAGE_MIN 16
/* Messages that may wait for evidence, of each kind. */
#define PAIR_WAIT_MAX 256
/* So many requests wait for a habit to be proven, when nothing else can decide. */
#define PAIR_PATIENCE 64
/* Requests that may wait for their response. */
#define PAIR_OUTSTANDING_MAX 8192
/* Responses whose ends are remembered. */
#define PAIR_ENDS 16

struct pair_ops {
	/* An exchange ended: one of req, resp may be NULL, else they are each other's `peer`. The callee owns both now:
	 * http_msg_free(). extra: further enum tx_flag. hol_ns: with a pipelined request, how long its response waited
	 * for its predecessor's end; UINT64_MAX unknown. */
	void (*exchange)(void *ctx, struct http_msg *req, struct http_msg *resp, uint32_t extra,
			 uint64_t hol_ns);
};

struct pair_env {
	const struct pair_ops *ops;
	const struct http_env *http;
	struct counters *cnt;
};

struct pair {
	struct http_msg *req_head, *req_tail;   /* not reported yet, in order */
	struct http_msg *resp_head, *resp_tail; /* waiting for evidence, in order */
	unsigned int req_cnt, resp_cnt;
	uint64_t req_next, resp_next; /* numbers of the next ones */
	int64_t d;                    /* without `align`: response p answers request p + d */
	struct align *align;          /* what is known while that is not one number; else NULL */
	bool blind;                   /* no memory for it: nothing is paired */
	bool fresh;                   /* no hole so far */
	bool pipelining;              /* the client was seen to pipeline */
	bool req_broken, resp_broken; /* the position in the stream is lost */
	uint64_t req_lost_off, resp_lost_off;
	/* What the caller knows of the other stream, set before a head is told: the next byte of the responses; the
	 * start of a request whose header section is not complete (UINT64_MAX: none); whether a response may have ended. */
	uint64_t resp_off, req_pending_off;
	bool resp_unsure;
	uint64_t resp_start;    /* offset of the last numbered response */
	uint64_t last_resp_end; /* offset behind the last response that ended */
	bool last_resp_has_ack;
	uint64_t last_resp_ack; /* what it acknowledged when it began */
	uint64_t prev_end;      /* offset behind the last request that ended */
	uint64_t last_resp_ns;  /* and of its last byte, in the order of reports */
	bool last_resp_known;
	uint64_t ended_ns; /* when the last response was complete */
	bool says_close;   /* the last response did */
	uint32_t interim_cnt;
	struct window window;
	struct {
		bool known;
		uint64_t index, answered;
		unsigned int run; /* requests since the client received something; 0 unknown */
	} before;                 /* the last request, while nothing was missed behind it */
	uint64_t ended;           /* number behind the last response that ended */
	uint64_t ends[PAIR_ENDS]; /* offsets of their ends, by number */
};

/* midstream: the connection's beginning was not seen. fresh: nor was a hole in it. */
void pair_init(struct pair *p, const struct pair_env *env, bool midstream, bool fresh);

/* The calls of struct http_ops, by role. Messages pass into the pair's ownership at their head. */
void pair_request_head(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req);
void pair_request_end(struct pair *p, const struct pair_env *env, void *ctx, struct http_msg *req);
enum http_body pair_response_head(struct pair *p, const struct pair_env *env, void *ctx,
				  struct http_msg *resp);
void pair_response_end(struct pair *p, const struct pair_env *env, void *ctx,
		       struct http_msg *resp);
void pair_request_lost(struct pair *p, uint64_t off);
void pair_request_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
		       uint64_t to, bool boundary);
void pair_response_lost(struct pair *p, uint64_t off);
void pair_response_hole(struct pair *p, const struct pair_env *env, void *ctx, uint64_t from,
			uint64_t to, bool boundary);

/* The connection is over and both streams have ended their messages. drained: it ended in order, with everything
 * answered and acknowledged. */
void pair_finish(struct pair *p, const struct pair_env *env, void *ctx, bool drained);

/* Frees without reporting. */
void pair_free(struct pair *p, const struct pair_env *env);

#endif

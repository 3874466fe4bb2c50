/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * comment.h - a transaction as a comment on its packets, for Wireshark's users.
 *
 *	transaction 12, request: latency 12.3ms (request 0ns, queue 3.1us, app 12.2ms, response 20.1us),
 *	verdict app, status 200, server nginx[1234] web, GET /cart?token=REDACTED
 *
 * What is hostile is escaped, secrets are gone: it is made from a struct view.
 */
#ifndef HTTPLAT_COMMENT_H
#define HTTPLAT_COMMENT_H

#include "../report/buf.h"
#include "../report/view.h"

#define COMMENT_MARKS 4

/* A packet that gets a comment, and how that begins. */
struct comment_mark {
	uint64_t frame;
	const char *what; /* "request", "request begins", "response ends", ... */
};

/* The first and the last packet of the request and of the response. Returns how many. */
unsigned int comment_marks(const struct transaction *tx, struct comment_mark out[COMMENT_MARKS]);

/* Adds the comment, with a NUL. number: the transaction's. */
void comment_add(struct buf *b, const char *what, uint64_t number, const struct view *v);

#endif

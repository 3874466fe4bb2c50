/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settle.h - exchanges that are over on the wire, and wait until their last part is known too.
 *
 *	at the server's socket   until the response's end is acknowledged
 *	at the client's socket   until the application has read it
 *
 * In the order in which they ended, so one that needs not wait waits for those before it. What does not come
 * within SETTLE_NS is not waited for; and where it did not come once, and never did, not again on this connection
 * (a capture that sees one direction, an application whose reads cannot be seen).
 */
#ifndef HTTPLAT_SETTLE_H
#define HTTPLAT_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "marks.h"

/* Beyond most retransmission timeouts in a row (RFC 6298: 1 + 2 s), and a slow application's
 * turn. */
#define SETTLE_NS 5000000000ull

struct settle {
	struct http_msg *head, *tail; /* by `next`: the request, or an orphan response */
	struct marks acked;	      /* of what goes out: by the peer */
	struct marks read;	      /* of what comes in: by the application */
	bool blind;
};

/* Appends an exchange; it owns both messages. msg: the request, its `peer` being the response, or
 * an orphan response. msg->held.wait and held.since_ns are set. */
void settle_push(struct settle *s, struct http_msg *msg);

/* The client has gone on to another request: what it has not read of earlier responses it did not
 * need. */
void settle_unread(struct settle *s);

/* Takes the first exchange, if it need not wait longer at now_ns; else NULL. */
struct http_msg *settle_pop(struct settle *s, uint64_t now_ns);

/* Takes the first exchange as it is; NULL: there is none. */
struct http_msg *settle_drop(struct settle *s);

/* The message that has bytes of [from, to), among responses or requests. */
struct http_msg *settle_find(const struct settle *s, bool response, uint64_t from, uint64_t to);

/* Where nothing waits: frees everything but *s. */
void settle_free(struct settle *s, struct mem *mem);

/* The response of an exchange; NULL without. */
struct http_msg *settle_response(struct http_msg *msg);

#endif

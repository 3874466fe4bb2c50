/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exchange.h - from a request and its response, with what the connection knows, to a transaction.
 *
 *	        first      last      read      first        last     acknowledged
 *	server  ├─ request ─┼─ queue ─┼── app ──┼─ response ─┼── ack ──┤
 *	client  ├─ request ─┼────── ttfb ───────┼─ response ─┼─ read ──┤
 *
 * A part whose ends were not both seen, or in another order, is absent.
 */
#ifndef HTTPLAT_EXCHANGE_H
#define HTTPLAT_EXCHANGE_H

#include "conn.h"
#include "transaction.h"

/* The header lines of both messages. */
struct exchange_headers {
	struct http_header req[HTTP_HEADERS_MAX], resp[HTTP_HEADERS_MAX];
};

/*
 * Fills *tx. msg: the request, its `peer` being the response or NULL, or an orphan response; with msg->held. *tx borrows
 * from msg, the connection and *headers. Numbers the request on its connection, so once for each.
 */
void exchange_fill(struct conn *c, const struct http_msg *msg, struct exchange_headers *headers,
		   struct transaction *tx);

#endif

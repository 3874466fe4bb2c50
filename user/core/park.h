/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * park.h - connections at rest.
 *
 * Parsers, pairing and marks are three quarters of a connection's memory, and most connections of a busy server
 * wait for their next request most of the time. Where nothing is under way all that can be told in a few bytes:
 * who is the client, where both streams stand (reassembly knows), and that everything is answered. What is forgotten
 * is the client's habits, which only help to pair what loss has hidden.
 */
#ifndef HTTPLAT_PARK_H
#define HTTPLAT_PARK_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* What is left of struct conn_http. */
struct parked {
	bool is;
	bool opaque; /* a tunnel, or upgraded */
	bool hole;
	bool blind, acks_seen, reads_seen; /* of struct settle */
	bool pipelining;
	int8_t client; /* direction of the requests */
	struct {
		bool from_start, missed;
	} stream[2];
};

/* Frees c->http, if nothing is under way. */
void conn_park(struct conn *c);

/* Fills in c->http, fresh, of a connection that was parked. */
void conn_unpark(struct conn *c);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * park.h - connections at rest.
 *
 * Reassembly, parsers, pairing and marks are four fifths of a connection's memory, and most connections of a busy
 * server wait for their next request most of the time. Where nothing is under way all that can be told in a few bytes:
 * who is the client, whether it waits for each answer, where both streams stand, and that everything is answered.
 * What is forgotten is the habits of a client that pipelines, which only help to pair what loss has hidden, and what TCP
 * told of windows and acknowledgements, which the next segment tells again.
 *
 *	payload ─▶ http, tcp ──flush: nothing under way──▶ tcp ──nothing waits──▶ struct conn alone
 *	              ▲                                     ▲
 *	              └──────── the next payload ───────────┴──── the next segment (conn_wake)
 *
 * A connection that is over stays for a while, without them, for the sake of segments that come late.
 */
#ifndef HTTPLAT_PARK_H
#define HTTPLAT_PARK_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* What is left of a half of struct reasm. */
struct parked_half {
	uint64_t next;
	uint32_t origin; /* its low 32 bits: the sequence number */
	bool started, start_known, delivered;
	bool fin_known; /* of a connection that is over: `next` is behind its last byte */
};

/* What is left of struct conn_tcp, and of struct conn_http where `is`. */
struct parked {
	struct parked_half half[2];
	bool is;
	bool opaque; /* a tunnel, or upgraded */
	bool hole;
	bool blind, acks_seen, reads_seen; /* of struct settle */
	bool pipelining, no_rounds;
	uint8_t waited; /* of struct window, as far as it matters */
	int8_t client; /* direction of the requests */
	struct {
		bool from_start, missed;
	} stream[2];
};

/* Frees c->http, if nothing is under way, and then c->tcp, if nothing waits. */
void conn_park(struct conn *c);

/* Frees c->tcp of a connection that is over, or has nothing under way. */
void conn_park_tcp(struct conn *c);

/* Where a direction stands, parked or not. */
struct parked_half conn_half(const struct conn *c, unsigned int dir);

/* Fills in c->http, fresh, of a connection that was parked. Reassembly is ahead of it by the chunk that is being
 * delivered: direction dir stands at off. */
void conn_unpark(struct conn *c, unsigned int dir, uint64_t off);

/* Before a segment, of a connection that is not closed: takes it out of its rest, or gives it its first c->tcp. 0 or
 * -ENOMEM. */
int conn_wake(struct conn *c);

/* Frees c->http, where nothing waits; c->tcp. */
void conn_free_http(struct conn *c);
void conn_free_tcp(struct conn *c);

#endif

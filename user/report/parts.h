/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parts.h - the times of a transaction, by name.
 *
 * Those of a side add up: connect | request, queue, app, response = total | ack at the server's socket,
 * connect | request, ttfb, response = total | read at the client's.
 */
#ifndef HTTPLAT_PARTS_H
#define HTTPLAT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/transaction.h"

/* X(part, name): the JSON key is the name with "_ns". In the order of a JSON record. */
#define PARTS_MAP(X)                                                                               \
	X(LATENCY, "latency")                                                                      \
	X(TTFB, "ttfb")                                                                            \
	X(TOTAL, "total")                                                                          \
	X(CONNECT, "connect")                                                                      \
	X(REQUEST, "request")                                                                      \
	X(QUEUE, "queue")                                                                          \
	X(APP, "app")                                                                              \
	X(HOL, "hol")                                                                              \
	X(RESPONSE, "response")                                                                    \
	X(ACK, "ack")                                                                              \
	X(READ, "read")                                                                            \
	X(SRTT, "srtt")                                                                            \
	X(RTT_MIN, "rtt_min")

enum part {
#define PART_MEMBER(part, name) PART_##part,
	PARTS_MAP(PART_MEMBER)
#undef PART_MEMBER
	PARTS,
};

/* "latency", "ttfb", ... */
const char *part_name(enum part part);

/* Whether it was observed; *ns is set then only. */
bool part_get(const struct transaction *tx, enum part part, uint64_t *ns);

/* Those of a side that add up, in the order in which they happen, connect and read around them; ends with
 * PARTS. */
const enum part *parts_of_side(enum tx_side side);

#endif

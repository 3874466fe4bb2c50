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

static inline bool part_known(bool has, uint64_t value, uint64_t *ns)
{
	if (has)
		*ns = value;
	return has;
}

/* Whether it was observed; *ns is set then only. Of a part that the compiler knows, it is one look. */
static inline bool part_get(const struct transaction *tx, enum part part, uint64_t *ns)
{
	switch (part) {
	case PART_LATENCY:
		return part_known(tx->has_latency, tx->latency_ns, ns);
	case PART_TTFB:
		return part_known(tx->has_ttfb, tx->ttfb_ns, ns);
	case PART_TOTAL:
		return part_known(tx->has_latency, tx->total_ns, ns);
	case PART_CONNECT:
		return part_known(tx->has_connect, tx->connect_ns, ns);
	case PART_REQUEST:
		return message_time(&tx->req, ns);
	case PART_QUEUE:
		return part_known(tx->has_queue, tx->queue_ns, ns);
	case PART_APP:
		return part_known(tx->has_app, tx->app_ns, ns);
	case PART_HOL:
		return part_known(tx->has_hol, tx->hol_ns, ns);
	case PART_RESPONSE:
		return message_time(&tx->resp, ns);
	case PART_ACK:
		return part_known(tx->has_ack, tx->ack_ns, ns);
	case PART_READ:
		return part_known(tx->has_read, tx->read_ns, ns);
	case PART_SRTT:
		return part_known(tx->has_srtt, tx->srtt_ns, ns);
	case PART_RTT_MIN:
		return part_known(tx->has_rtt_min, tx->rtt_min_ns, ns);
	case PARTS:
		break;
	}
	return false;
}

/* Those of a side that add up, in the order in which they happen, connect and read around them; ends with
 * PARTS. */
const enum part *parts_of_side(enum tx_side side);

#endif

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

enum part {
	PART_LATENCY,
	PART_TTFB,
	PART_TOTAL,
	PART_CONNECT,
	PART_REQUEST,
	PART_QUEUE,
	PART_APP,
	PART_HOL,
	PART_RESPONSE,
	PART_ACK,
	PART_READ,
	PART_SRTT,
	PART_RTT_MIN,
	PARTS,
};

/* "latency", "ttfb", ...; the JSON key is that with "_ns". */
const char *part_name(enum part part);
const char *part_key(enum part part);

/* Whether it was observed; *ns is set then only. */
bool part_get(const struct transaction *tx, enum part part, uint64_t *ns);

/* Those of a side that add up, in the order in which they happen, connect and read around them; ends with
 * PARTS. */
const enum part *parts_of_side(enum tx_side side);

#endif

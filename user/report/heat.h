/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * heat.h - how a time was distributed, second by second: a row for each, from left (fast) to right (slow).
 *
 *	          1us 10us 100us 1ms 10ms 100ms 1s  10s
 *	21:50:01 |        .:*#=.         .        | <     182
 *
 * Four columns to a factor of ten. A character says how many, each twice as many as the one before. A row for
 * each side, for the two ends of an exchange are never added up.
 */
#ifndef HTTPLAT_HEAT_H
#define HTTPLAT_HEAT_H

#include <stdio.h>

#include "../core/transaction.h"
#include "parts.h"

#define HEAT_COLUMNS 32 /* 1 us to 100 s */
#define HEAT_SIDES   4	/* enum tx_side */

struct heat {
	enum part time; /* set by the caller, the rest is zero at first */
	uint64_t cell[HEAT_SIDES][HEAT_COLUMNS];
	uint64_t cnt[HEAT_SIDES];
	bool titled;
};

/* What is faster or slower than all columns counts in the outermost. */
void heat_add(struct heat *h, const struct transaction *tx);

/* The rows of the second that `clock` ("21:50:01") names; nothing where there was nothing. Empties
 * it. */
void heat_print(struct heat *h, FILE *out, const char *clock);

#endif

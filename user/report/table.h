/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - groups of transactions as a table for people, as JSON, as CSV; and their times as histograms.
 *
 * JSON has an object a line: the keys as in a transaction's object, then count, rate, errors, time, p50_ns ..,
 * sizes. CSV (RFC 4180) has the same columns, with a header line. What is not known is absent, "-" or
 * empty.
 */
#ifndef HTTPLAT_TABLE_H
#define HTTPLAT_TABLE_H

#include <stdio.h>

#include "stats.h"

enum table_format {
	TABLE_TEXT = 0,
	TABLE_JSON,
	TABLE_CSV,
};

struct table_options {
	enum table_format format;
	const struct stats_options *stats;
	uint64_t elapsed_ns; /* what the rate is over; 0: not known */
	bool header;	     /* CSV: with the header line */
	bool histogram;	     /* text: draw the times of each group below the table */
};

/* 0, or -errno. */
int table_print(FILE *out, struct stats *s, const struct table_options *opt);

#endif

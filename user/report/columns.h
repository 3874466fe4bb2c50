/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * columns.h - what there is to say of a group of transactions: the columns of its table, whoever prints it.
 *
 *	SIDE PROCESS | COUNT RATE ERRORS P50 ...
 *	keys	       numbers
 */
#ifndef HTTPLAT_COLUMNS_H
#define HTTPLAT_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "stats.h"

enum column {
	COLUMN_COUNT,
	COLUMN_RATE,
	COLUMN_ERRORS,
	COLUMN_P50,
	COLUMN_P90,
	COLUMN_P99,
	COLUMN_P999,
	COLUMN_MAX,
	COLUMN_MEAN,
	COLUMN_IN,
	COLUMN_OUT,
	COLUMNS,
};

struct column_info {
	const char *title;
	const char *key; /* in JSON and CSV */
	bool is_time;
	bool optional;	      /* not in the text table */
	enum stats_sort sort; /* by it */
};

extern const struct column_info column_info[COLUMNS];

/* Whether it is known of that group. elapsed_ns: what the rate is over; 0: not known. */
bool column_known(const struct stats_group *g, enum column col, uint64_t elapsed_ns);

/* A number or ns; not for the rate. */
uint64_t column_number(const struct stats_group *g, enum column col);
/* A second. elapsed_ns is not 0. */
double column_rate(const struct stats_group *g, uint64_t elapsed_ns);

/* As people read it: "17", "3.2/s", "1.234ms"; nothing where it is not known. */
void column_put(struct buf *b, const struct stats_group *g, enum column col, uint64_t elapsed_ns);

/* What the i-th value of a group is called, i up to by_cnt: the side, then what was asked for. NULL: a side
 * that was asked for as well, which comes once. */
const char *column_key_name(const struct stats_options *opt, unsigned int i, bool json);

/* The same as a title: "PROCESS". */
void column_put_title(struct buf *b, const struct stats_options *opt, unsigned int i);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top_model.h - what `httplat top` shows, without a screen: groups of transactions that can be grouped anew,
 * ordered, filtered, and opened to see single requests.
 *
 *	top_model_add ──┬── groups (stats.h) ── snapshot ── filter, order ── top_model_rows
 *	                └── history: the latest transactions, oldest first
 *
 * Counts and percentiles are since the start or the last reset. Another key or another time needs the
 * transactions once more: they are counted again from the history, which is bounded. When it has forgotten
 * some, the table covers less than before, and top_model_covers() says since when.
 *
 * Each group holds its last and its slowest transactions. These and the history share one bound of
 * memory: the history's oldest go first; where that is not enough all groups let theirs go, which is
 * counted.
 *
 * A snapshot stays as it is, whatever is added meanwhile, until the next is taken; that is what pausing is.
 * No function reads a clock.
 */
#ifndef HTTPLAT_TOP_MODEL_H
#define HTTPLAT_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"
#include "view.h"

/* What the history and the samples take. Groups have their histograms besides: 1000 of 40 KB. */
#define TOP_MODEL_BYTES (UINT64_C(64) << 20)

struct top_model;

/* NULL without memory. *opt is copied. live: rates are of intervals, else over the whole. */
struct top_model *top_model_new(const struct stats_options *opt, bool live, size_t max_bytes);
void top_model_free(struct top_model *m);

/* 0, or -ENOMEM: it was not counted. The view is copied. */
int top_model_add(struct top_model *m, const struct view *v);

/* Counting begins at now_ns, in the clock of the transactions. Live only. */
void top_model_start(struct top_model *m, uint64_t now_ns);

/* An interval ends at now_ns: rates are of that one from now on. Live only. */
void top_model_tick(struct top_model *m, uint64_t now_ns);

/* Takes a snapshot of the groups. 0, or -ENOMEM: there are no rows then. */
int top_model_snapshot(struct top_model *m);

/* Groups by opt->by, times are opt->time; takes a snapshot. 0 or -ENOMEM. */
int top_model_regroup(struct top_model *m, const struct stats_options *opt);

/* Empties it; there are no rows until the next snapshot. */
void top_model_reset(struct top_model *m, uint64_t now_ns);

/* Of the snapshot's rows. */
void top_model_order(struct top_model *m, enum stats_sort by, bool reverse);
/* Rows with this text in one of their values, as they are shown; case does not matter in ASCII. "": all. 0
 * or -ENOMEM. */
int top_model_filter(struct top_model *m, const char *text);

/* How it is grouped, timed and ordered. */
const struct stats_options *top_model_options(const struct top_model *m);

/* The rows of the snapshot that match, in order. *all: how many there are without the filter. Valid until the
 * next call that changes anything. */
const struct stats_group *const *top_model_rows(const struct top_model *m, size_t *cnt,
						size_t *all);

/* A row by its identity, which outlives snapshots: see top_model_id(). NULL: there is none. */
const struct stats_group *top_model_find(const struct top_model *m, const struct buf *id);
void top_model_id(const struct top_model *m, const struct stats_group *g, struct buf *id);

/* All transactions, a group for each side. */
const struct stats_group *top_model_sides(const struct top_model *m, size_t *cnt);

/* What rates are over: the last interval, or a file's span. 0: not known. */
uint64_t top_model_rate_ns(const struct top_model *m);
/* What the counts of the sides are over. 0: not known. */
uint64_t top_model_span_ns(const struct top_model *m, uint64_t now_ns);

struct top_covers {
	bool part;	 /* not all since the start */
	bool reset;	 /* because of a reset, at `since_ns` of the transactions' clock */
	bool has_time;	 /* otherwise: since this one */
	int64_t time_ns; /* since 1970 */
	uint64_t since_ns;
	uint64_t forgotten; /* how often all samples had to go */
};
struct top_covers top_model_covers(const struct top_model *m);

#endif

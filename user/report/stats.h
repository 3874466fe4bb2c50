/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.h - transactions by group: how many, how many failed, and how long they took.
 *
 * The side at which a transaction was seen is always part of its group: one exchange between two local
 * sockets is seen twice, and the two are never added up. There are STATS_GROUPS_MAX groups at most; what
 * comes later in another one is counted in one of "(other)", a side each.
 *
 * Percentiles are by nearest rank, from HdrHistograms of two significant digits: too high by at
 * most 1 %, and never above the maximum.
 */
#ifndef HTTPLAT_STATS_H
#define HTTPLAT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/transaction.h"
#include "../owner/owner.h"
#include "parts.h"
#include "samples.h"

#define STATS_GROUPS_MAX 1000
#define STATS_KEY_MAX	 512 /* bytes of one value; longer ones are cut */

enum stats_key {
	STATS_PROCESS,
	STATS_PID,
	STATS_CONTAINER,
	STATS_POD,
	STATS_UNIT,
	STATS_CGROUP,
	STATS_HOST,
	STATS_ROUTE,
	STATS_PATH,
	STATS_METHOD,
	STATS_STATUS,
	STATS_REMOTE,
	STATS_PORT,
	STATS_SIDE,
	STATS_KEYS,
};

enum stats_sort {
	STATS_BY_COUNT = 0,
	STATS_BY_ERRORS,
	STATS_BY_P50,
	STATS_BY_P90,
	STATS_BY_P99,
	STATS_BY_P999,
	STATS_BY_MAX,
	STATS_BY_MEAN,
	STATS_BY_BYTES,
	STATS_BY_RATE,
	STATS_BY_IN,
	STATS_BY_OUT,
	STATS_BY_KEY, /* the values, the side at last; the first of the alphabet first */
};

struct stats_options {
	enum stats_key by[STATS_KEYS]; /* each once */
	unsigned int by_cnt;
	enum part time; /* whose percentiles */
	enum stats_sort sort;
	bool redact; /* hosts and paths without secrets */
	bool reverse; /* the least first */
	bool keep;    /* samples of each group: stats_add_sample() */
};

struct stats_group {
	/* STATS_SIDE first, then as in stats_options.by; "" where it is not known. Hostile bytes,
	 * without NUL. */
	const char *value[STATS_KEYS + 1];
	bool other;
	uint64_t count, errors;
	uint64_t recent; /* of `count`: those of the last interval, see stats_mark() */
	uint64_t timed;	 /* of them with the time that is asked for */
	uint64_t max_ns, mean_ns;
	uint64_t request_bytes, response_bytes; /* whole messages */
	uint64_t p50_ns, p90_ns, p99_ns, p999_ns;
	const struct hdr_histogram *histogram; /* ns; NULL: nothing was timed */
	const struct samples *samples;	       /* NULL: not kept */
};

struct stats;

/* NULL without memory. *opt is copied. */
struct stats *stats_new(const struct stats_options *opt);
void stats_free(struct stats *s);

/* names may be NULL. 0 or -ENOMEM: it was not counted. */
int stats_add(struct stats *s, const struct transaction *tx, const struct owner_names *names);

/* The same of a transaction that is kept as one of its group's samples. */
int stats_add_sample(struct stats *s, struct sample *sample);

/* Lets all samples go; the counts stay. */
void stats_forget_samples(struct stats *s);

/* Ends an interval: what was added since the call before is `recent`. Before the first call all is. */
void stats_mark(struct stats *s);

/* Empties it. */
void stats_reset(struct stats *s);

/*
 * The groups in the order that was asked for, the greatest first; "(other)" last. *out is an array of *cnt,
 * valid until the next call of anything. 0 or -ENOMEM.
 */
int stats_groups(struct stats *s, const struct stats_group **out, size_t *cnt);

/* Orders groups, as stats_groups() does. */
void stats_order(struct stats_group *groups, size_t cnt, enum stats_sort by, bool reverse);

/* From the first request's first byte to the last response's end; 0: less than two points in
 * time. */
uint64_t stats_span_ns(const struct stats *s);

/* What users call a key ("route"), its title in a table, and its key in JSON. */
const char *stats_key_name(enum stats_key key);
const char *stats_key_json(enum stats_key key);

/* NULL-terminated names of stats_sort, in its order: "count", "errors", "p50", ... */
extern const char *const stats_sort_names[];

#endif

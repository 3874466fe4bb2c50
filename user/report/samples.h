/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * samples.h - transactions that are kept to be looked at: the last of a group, and its slowest.
 *
 * A sample is shared, by counting, between those who keep it, and freed by the last. What it takes is added to
 * a count of bytes that its maker watches. Long targets and hosts are cut; what is shown of one is not.
 */
#ifndef HTTPLAT_SAMPLES_H
#define HTTPLAT_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "view.h"

/* Of a group, of each kind. */
#define SAMPLES_MAX 16
/* Bytes of a target or a host that are kept. A line shows less, and keys of tables too. */
#define SAMPLE_TEXT_MAX 2048

struct sample {
	struct record
		record; /* its target and host without secrets; of its headers the host alone */
	uint32_t target_len, host_len; /* before they were cut */
	bool has_time;
	int64_t time_ns; /* since 1970, as in struct view */
	uint64_t seq;	 /* the maker's */
	struct sample *next;

	unsigned int refs;
	size_t size, *held;
	char bytes[];
};

/* A copy of what *v shows, held once. Adds its size to *held, which outlives it. NULL without memory. */
struct sample *sample_new(const struct view *v, size_t *held);
struct sample *sample_get(struct sample *s);
/* NULL is fine. */
void sample_put(struct sample *s);

/* The view that it was made of, but for headers. It borrows from the sample. */
struct view sample_view(const struct sample *s);

/* Zeroed at first. */
struct samples {
	struct sample *last[SAMPLES_MAX]; /* a ring; the next goes to `at` */
	unsigned int last_cnt, at;
	struct sample *slowest[SAMPLES_MAX]; /* the slowest first */
	uint64_t slowest_ns[SAMPLES_MAX];
	unsigned int slowest_cnt;
};

/* Keeps it as the last, and among the slowest if it is. ns: NULL, it has no time. Of those as slow the
 * earlier stay. */
void samples_add(struct samples *set, struct sample *s, const uint64_t *ns);

/* The i-th last, 0 is the latest. NULL: there are not so many. */
struct sample *samples_last(const struct samples *set, unsigned int i);

/* Lets all go. */
void samples_forget(struct samples *set);

#endif

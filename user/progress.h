/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress.h - one line on the terminal that says how far a long run is, rewritten in place.
 *
 * Only where standard error is a terminal and standard output is not, or prints nothing before the end: a
 * line between the records of one terminal would spoil both.
 */
#ifndef HTTPLAT_PROGRESS_H
#define HTTPLAT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *err;
	bool on, shown;
	uint64_t start_ns, last_ns; /* CLOCK_MONOTONIC */
};

/* quiet: standard output prints nothing before the end. */
void progress_open(struct progress *p, FILE *err, bool quiet, uint64_t now_ns);

/* Of a file: done of total bytes; total 0: not known (a pipe). At most five times a second, so call
 * it as often as is handy. */
void progress_file(struct progress *p, uint64_t done, uint64_t total, uint64_t now_ns);

/* Of a run that ends after `duration_ns`. */
void progress_time(struct progress *p, uint64_t duration_ns, uint64_t now_ns);

/* Takes the line away: before anything else is printed, and at the end. */
void progress_clear(struct progress *p);

#endif

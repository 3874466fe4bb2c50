/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h - transactions and counts, written for people or programs.
 *
 * Data goes to `out`, one record a line; the banner, warnings and the closing counts go to `err`.
 * What is printed is safe: control bytes of hostile traffic are escaped and secrets are redacted.
 */
#ifndef HTTPLAT_REPORT_H
#define HTTPLAT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../../bpf/event.h"
#include "../core/counters.h"
#include "../core/transaction.h"
#include "../owner/owner.h"
#include "clock.h"
#include "har.h"
#include "stats.h"
#include "top_model.h"

enum report_format {
	REPORT_TEXT = 0,
	REPORT_WIDE, /* text with the parts of the time */
	REPORT_JSON,
	REPORT_CSV, /* of `stats` only */
};

struct report_options {
	enum report_format format;
	bool explain;	/* text: a block and a drawing instead of a line (explain.h) */
	bool joined;	/* text: the two ends of an exchange in one line (join.h) */
	uint64_t count; /* take so many at most; 0: no limit */
	const struct stats_options *stats; /* tables instead of lines; borrowed. NULL: lines */
	struct top_model *top;		   /* takes them instead of lines; borrowed. NULL: lines */
	bool histogram;			   /* and the times of each group drawn (text) */
	bool heat;	      /* and a row each second of how they were distributed (text) */
	uint64_t interval_ns; /* a table each; 0: one at the end */
	uint64_t started_ns;  /* live: the clock of report_flush() when the run began */
	struct har *har;      /* every record as well; borrowed. NULL: none */
	bool redact;
	bool live;   /* report_flush() is called as time passes */
	bool owners; /* text shows whose a socket was */
	const struct wallclock *clock; /* of transactions' times; borrowed. NULL: they are since 1970 */
	bool color;
	FILE *out, *err;
};

struct report;

/* NULL without memory. *opt is copied; the streams are borrowed. */
struct report *report_new(const struct report_options *opt);
void report_free(struct report *rp);

/* One line, or none yet where it is joined or goes into a table. names may be NULL (a capture
 * file). 0, or -errno when writing failed (-EPIPE: the reader went away, which ends a run
 * quietly). */
int report_transaction(struct report *rp, const struct transaction *tx,
		       const struct owner_names *names);

/* -v: one decoded segment. 0 or -errno. */
int report_segment(struct report *rp, const struct segment *seg);

/* The closing counts: a line to err, and {"httplat.summary": ...} to out in JSON. kernel is NULL
 * for a capture file. When no transaction was printed it says what was seen instead (DESIGN §6). */
int report_summary(struct report *rp, const struct counters *cnt,
		   const uint64_t kernel[EVENT_CNT_MAX]);

/* Of that, only what goes to standard error: for an output that failed. */
void report_closing(struct report *rp, const struct counters *cnt,
		    const uint64_t kernel[EVENT_CNT_MAX]);

/* Writes out what was buffered, and what is due at now_ns (the transactions' clock): what waited
 * long enough to be joined, the table of an interval. */
int report_flush(struct report *rp, uint64_t now_ns);

/* Records that were printed, or are in tables; a joined line counts once. */
uint64_t report_printed(const struct report *rp);

#endif

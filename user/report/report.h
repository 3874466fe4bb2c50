/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h - transactions and counts, written for people or programs.
 *
 * Data goes to `out`, one record a line; the banner, warnings and the closing counts go to `err`. What
 * is printed is safe: control bytes of hostile traffic are escaped and secrets are redacted.
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

enum report_format {
	REPORT_TEXT = 0,
	REPORT_JSON,
};

struct report_options {
	enum report_format format;
	bool redact;
	bool live;             /* times are CLOCK_MONOTONIC and are converted to wall time here */
	bool color;
	FILE *out, *err;
};

struct report;

/* NULL without memory. *opt is copied; the streams are borrowed. */
struct report *report_new(const struct report_options *opt);
void report_free(struct report *rp);

/* One line. names may be NULL (a capture file). 0, or -errno when writing failed (-EPIPE: the reader
 * went away, which ends a run quietly). */
int report_transaction(struct report *rp, const struct transaction *tx,
		       const struct owner_names *names);

/* -v: one decoded segment. 0 or -errno. */
int report_segment(struct report *rp, const struct segment *seg);

/* The closing counts: a line to err, and {"httplat.summary": ...} to out in JSON. kernel is NULL for a
 * capture file. When no transaction was printed it says what was seen instead (DESIGN §6). */
int report_summary(struct report *rp, const struct counters *cnt,
		   const uint64_t kernel[EVENT_CNT_MAX], uint64_t printed);

int report_flush(struct report *rp);

#endif

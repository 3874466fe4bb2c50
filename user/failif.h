/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failif.h - conditions on a whole run, for scripts: --fail-if 'p99>200ms'.
 *
 *	p50 p90 p99 p999 max mean	a duration: of the time that --time names, the latency by default
 *	err				a percentage: 4xx, 5xx, resets and requests without a response
 *	errors count			numbers
 *	lost				a number: segments that found the ring full
 *
 * compared by > >= < <=. Client's and server's requests are never added up: a condition holds when it does for one
 * side. What is not known, such as a percentile of nothing, fulfils no condition.
 */
#ifndef HTTPLAT_FAILIF_H
#define HTTPLAT_FAILIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag.h"
#include "report/stats.h"

enum failif_what {
	FAILIF_P50,
	FAILIF_P90,
	FAILIF_P99,
	FAILIF_P999,
	FAILIF_MAX,
	FAILIF_MEAN,
	FAILIF_ERR,
	FAILIF_ERRORS,
	FAILIF_COUNT,
	FAILIF_LOST,
};

struct failif {
	const char *text; /* as it was given */
	enum failif_what what;
	bool less, or_equal; /* else: greater */
	double value;	     /* ns, per cent, or a number */
};

/* Borrows text. 0, or -EINVAL with the sentence in *d. */
int failif_parse(const char *text, struct failif *out, struct diag *d);

/*
 * Whether the condition holds for one of the groups, which are a run's sides. Then *side is that one's name ("" for
 * `lost`), and *value what it is compared with.
 */
bool failif_holds(const struct failif *f, const struct stats_group *groups, size_t cnt,
		  uint64_t lost, const char **side, double *value);

/* The value as people write it: "231.0ms", "1.2%", "17". Returns buf. */
#define FAILIF_VALUE_MAX 48
const char *failif_format(const struct failif *f, double value, char buf[FAILIF_VALUE_MAX]);

#endif

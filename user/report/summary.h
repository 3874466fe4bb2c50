/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * summary.h - the closing words on standard error: the counts, what was lost and why, and, when no
 * transaction was printed, what was seen instead and what to try next.
 *
 *	requests 1000, responses 1000, pairs 1000, unpaired requests 0, unpaired responses 0,
 *	segments 4012, bytes copied 512300, bytes elided 0, events lost 0, gaps 0
 *
 * (on one line, always; scripts read it.) Lines about what was
 * left out, lost or not understood precede it, only where there was such a thing.
 */
#ifndef HTTPLAT_SUMMARY_H
#define HTTPLAT_SUMMARY_H

#include <stdint.h>
#include <stdio.h>

#include "../../bpf/event.h"
#include "../core/counters.h"

/* kernel is NULL for a capture file. Writing errors are left to the stream. */
void summary_print(FILE *err, const struct counters *cnt, const uint64_t kernel[EVENT_CNT_MAX],
		   uint64_t printed);

/* The most likely reason why nothing was printed, and what to do about it: one sentence. */
const char *summary_next_step(const struct counters *cnt, const uint64_t kernel[EVENT_CNT_MAX]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - what holds of every transaction and of the counts, whatever the input was. The fuzzers
 * that have the flow table in them share it. A check that fails says which and aborts, which
 * libFuzzer reports.
 */
#ifndef HTTPLAT_FUZZ_CHECK_H
#define HTTPLAT_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "core/counters.h"
#include "core/segment.h"
#include "core/transaction.h"

/* The fuzzer's entry point (libFuzzer calls it). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define demand(holds) ((holds) ? (void)0 : check_failed(#holds, __FILE__, __LINE__))
_Noreturn void check_failed(const char *what, const char *file, int line);

/* Reads every byte that *seg lends, so that AddressSanitizer sees those that are not there, and
 * holds its lengths against each other. */
void check_segment(const struct segment *seg);

/* The same for what *tx lends; and its times, flags and messages agree. */
void check_transaction(const struct transaction *tx);

/* After flow_finish(): what was counted adds up to the `told` transactions. */
void check_counts(const struct counters *cnt, uint64_t told);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_here.h - for tests: whether BPF programs can be loaded here at all. Not by everybody, and not
 * under an emulator of system calls, which has no bpf(2).
 */
#ifndef HTTPLAT_TESTS_BPF_HERE_H
#define HTTPLAT_TESTS_BPF_HERE_H

#include <stdint.h>

#include "caps.h"

/* Runs the cmocka tests given by their array, or, where one of `caps` (CAPS(CAP_x)) or bpf(2) is
 * lacking, a single one that is skipped and says so. Returns the exit status. `setup` as in
 * cmocka_run_group_tests(). */
#define RUN_BPF_TESTS(tests, caps, setup)                                                          \
	(bpf_is_here(caps) ? cmocka_run_group_tests(tests, setup, NULL)                            \
			   : cmocka_run_group_tests(bpf_refused_tests, NULL, NULL))

_Bool bpf_is_here(uint64_t caps);
extern const struct CMUnitTest bpf_refused_tests[1];

#endif

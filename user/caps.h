/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * caps.h - capabilities(7): which there are, what each is for, and how the rest is dropped.
 *
 * A capability belongs to a thread. Each thread keeps what it needs and no more: those that look
 * things up from the start on, the one that attaches from the moment on when everything is
 * attached.
 */
#ifndef HTTPLAT_CAPS_H
#define HTTPLAT_CAPS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

/* A set of capabilities is 64 bits. */
#define CAPS(cap) (UINT64_C(1) << (cap))

/* What finding out who somebody is takes: other users' /proc/PID, the files of container
 * runtimes, cgroups by id. */
#define CAPS_NAMES (CAPS(CAP_SYS_PTRACE) | CAPS(CAP_DAC_READ_SEARCH))

struct cap_use {
	unsigned int cap;
	const char *name, *needed_for;
	const char *without; /* for what is had all the same; NULL: live capture does not start */
};

/* The n-th of those that httplat has a use for; NULL behind the last. */
const struct cap_use *caps_use(unsigned int n);

/* Whether capability `cap` is effective. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as
 * the kernel has it. */
bool caps_have(unsigned int cap);

/* 0 when all of `set` are effective; else -EPERM, with the sentence that names those missing. */
int caps_require(uint64_t set, struct diag *d);

/* Drops all others from the calling thread, for good. Those of `set` that it doesn't have it
 * doesn't get. 0 or -errno. */
int caps_keep(uint64_t set);

/*
 * The same for a thread that opens no file for writing. Where it keeps CAPS_NAMES it need not be
 * root to files: to read, these suffice; to write, it is nobody (credentials(7): the ids of the
 * file system).
 */
int caps_keep_reading(uint64_t set);

/* Whether `works` fails when the calling thread is without `set`, which it gets back. True also
 * where that cannot be tried. */
bool caps_needed(uint64_t set, bool (*works)(void *ctx), void *ctx);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * localaddr.h - the addresses of the current network namespace.
 *
 * A packet socket says which way a packet went, not whether this host is its end: what a router
 * forwards arrives and leaves as well. The addresses tell. They are read when first asked for, and
 * again, at most once a second, when an address is not among them, for addresses come and go.
 */
#ifndef HTTPLAT_LOCALADDR_H
#define HTTPLAT_LOCALADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/segment.h"

struct localaddr;

/* NULL without memory. */
struct localaddr *localaddr_new(void);
void localaddr_free(struct localaddr *la);

/* Whether e's address is one of the namespace's. now_ns: CLOCK_MONOTONIC. Where the addresses
 * cannot be read, every one counts as local. */
bool localaddr_has(struct localaddr *la, const struct endpoint *e, uint64_t now_ns);

#endif

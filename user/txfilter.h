/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * txfilter.h - which transactions the user asked for: -p, --comm, -g, --port, --side.
 *
 * The kernel has narrowed what is copied by the same questions, but it copies what it cannot decide
 * yet (an owner that is not known); here the answer is exact. What is not known does not match.
 */
#ifndef HTTPLAT_TXFILTER_H
#define HTTPLAT_TXFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/transaction.h"

/* Zero, empty and NULL: any. */
struct txfilter {
	uint32_t pid;
	char comm[16];	    /* NUL padded */
	const char *cgroup; /* "/..." from the cgroup root */
	uint16_t port;	    /* at either end */
	enum tx_side side;
};

/* owner_path and sock_path are the cgroup paths of the socket's user and of its creator; either may match.
 * NULL: unknown. */
bool txfilter_match(const struct txfilter *f, const struct transaction *tx, const char *owner_path,
		    const char *sock_path);

#endif

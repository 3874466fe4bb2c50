/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h - a transaction that outlives its callback: a deep copy, with the names of its owner.
 *
 * Whoever keeps records decides where they lie: it asks for the size, finds that much memory, and has the
 * copy made there.
 */
#ifndef HTTPLAT_RECORD_H
#define HTTPLAT_RECORD_H

#include <stddef.h>

#include "../core/transaction.h"
#include "../owner/owner.h"

struct record {
	struct transaction tx;
	struct owner_names names;
};

/* The bytes that *r borrows: slices, headers, names. */
size_t record_borrows(const struct record *r);

/* Copies these to `bytes`, which is aligned for pointers and has room for record_borrows(r), and lets *r
 * point there. */
void record_settle(struct record *r, char *bytes);

#endif

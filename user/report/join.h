/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * join.h - brings together the two records of an exchange whose ends are both on this host.
 *
 * A record waits, as a deep copy, for the one of the other side with the same exchange id, method
 * and status; what waited JOIN_NS, or is the oldest when JOIN_MAX records or JOIN_BYTES are held, goes
 * out alone. Each record comes out exactly once. Records that can have no partner (no side, no request) do not
 * wait.
 */
#ifndef HTTPLAT_JOIN_H
#define HTTPLAT_JOIN_H

#include <stdint.h>

#include "../core/transaction.h"
#include "../owner/owner.h"
#include "record.h"

#define JOIN_NS	 UINT64_C(2000000000)
#define JOIN_MAX 16384
/* A message's target and headers alone may have 160 KB. */
#define JOIN_BYTES (32u << 20)

struct join;

/* What comes out: client or server may be NULL, not both. What they hold is valid for the call. 0,
 * or what ends the caller's work: it is passed on. */
typedef int (*join_fn)(void *ctx, const struct record *client, const struct record *server);

/* NULL without memory. */
struct join *join_new(join_fn fn, void *ctx);

/* Frees without calling fn. NULL is fine. */
void join_free(struct join *j);

/* Takes a record at time now_ns; calls fn for what that completes or pushes out. names may be NULL.
 * Without memory for a copy the record goes out alone. */
int join_add(struct join *j, const struct transaction *tx, const struct owner_names *names,
	     uint64_t now_ns);

/* Lets go what has waited long enough at now_ns; UINT64_MAX: all. */
int join_expire(struct join *j, uint64_t now_ns);

#endif

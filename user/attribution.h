/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attribution.h - a live transaction with its owner's names, without holding up the ring.
 *
 *	each segment's owner ─ attribution_learn ─ once per new (pid, cgroup) → owner cache
 *	each transaction ─ attribution_name ─ names from the cache
 *	                                    └ owner unknown: /proc, once per connection, rationed
 *
 * The look-up in /proc is for sockets that were open before the start. It reads many files, so it
 * is done only while it costs less than a tenth of the time.
 *
 * The environment variable HTTPLAT_ROOT names a folder that stands for "/" where state files of
 * container runtimes are looked for: /proc/1/root where httplat itself runs in a container with the
 * host's pids.
 */
#ifndef HTTPLAT_ATTRIBUTION_H
#define HTTPLAT_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/transaction.h"
#include "owner/owner.h"
#include "selection.h"

struct attribution;

/* NULL without memory. */
struct attribution *attribution_new(void);
void attribution_free(struct attribution *at);

/* Meant for every segment: all but the first call for the same owner cost a comparison. */
void attribution_learn(struct attribution *at, const struct owner *owner, uint64_t sock_cgroup_id);

/* Meant for every segment as well, before the other: the pid in the process' own pid namespace. */
void attribution_learn_inner_pid(struct attribution *at, uint32_t pid, uint32_t inner);

/* A cgroup that was made, with its path from the hierarchy's root. */
void attribution_learn_cgroup(struct attribution *at, uint64_t id, const char *path);

/*
 * Fills in tx->owner, if it is unknown and can be found, and the names: of the owner; of the
 * socket's creator where there is none. now_ns is CLOCK_MONOTONIC. The names are the cache's: valid
 * until the next call of any of these.
 */
void attribution_name(struct attribution *at, struct transaction *tx, uint64_t now_ns,
		      struct owner_names *out);

/*
 * After attribution_name(): whether the cgroup of the socket's user is asked for, or that of its
 * creator. *names is what that gave, and stays valid.
 */
bool attribution_selected(struct attribution *at, const struct transaction *tx,
			  struct selection *sel, struct owner_names *names);

/* What it rests on. */
struct owner_cache *attribution_cache(const struct attribution *at);

/*
 * A cgroup path as the user may write it, /sys/fs/cgroup/a/b too, as one from the root: "/a/b".
 * Points into `path`, or to "/".
 */
const char *attribution_cgroup_path(const struct attribution *at, const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner.h - from what the kernel told of an owner (pid, tid, comm, cgroup id) to names.
 *
 * A cgroup id becomes its path through open_by_handle_at(2) on the cgroup2 mount, in constant
 * time and cached when the id is first seen, so that a cgroup deleted before the report keeps
 * its name. Where cgroup2 says nothing (v1 and hybrid hosts: everything in "/"), the path comes
 * from /proc/PID/cgroup, cached by pid and start time. names.h tells what container, pod and
 * unit a path belongs to.
 */
#ifndef HTTPLAT_OWNER_H
#define HTTPLAT_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/segment.h"
#include "names.h"

struct owner_cache;

/*
 * Finds the cgroup2 mount through /proc/mounts (mounts it privately where it is not; that
 * failing, ids stay unresolved). State files of container runtimes are looked for below `root`
 * ("": the host's). NULL without memory.
 */
struct owner_cache *owner_cache_new(const char *root);
void owner_cache_free(struct owner_cache *oc);

/* Learns a cgroup id or a pid while they exist: cheap, meant to be called for each segment's owner.
 * sock_cgroup_id is the socket creator's. Bounded: the oldest entries go first. */
void owner_learn(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id);

/* What the kernel tells of a process that may be gone from /proc by now: its pid in its own pid
 * namespace, the same where that is the host's. */
void owner_learn_inner_pid(struct owner_cache *oc, uint32_t pid, uint32_t inner);

/*
 * What the kernel tells of a cgroup when it is made: its path from the hierarchy's root. It serves
 * where the cgroup is gone when its id is asked for, and we see the whole hierarchy.
 */
void owner_learn_cgroup(struct owner_cache *oc, uint64_t id, const char *path);

/*
 * The names for a report: of the owner's cgroup; of the socket creator's where the owner is
 * unknown. They are the cache's, valid until the next call.
 */
void owner_resolve(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id,
		   struct owner_names *out);

/*
 * The names of a cgroup, as far as they are known by now: nothing is waited for, see
 * owner_names.state. cgroup_id may be 0, `path` may not be NULL. The cache's.
 */
void owner_names_of(struct owner_cache *oc, uint64_t cgroup_id, const char *path,
		    struct owner_names *out);

/* cgroup2_walk() and cgwatch_each_new(). */
void owner_each_cgroup(const struct owner_cache *oc,
		       bool (*fn)(void *ctx, uint64_t id, const char *path), void *ctx);
uint64_t owner_new_cgroups(struct owner_cache *oc, uint64_t since,
			   void (*fn)(void *ctx, uint64_t id, const char *path), void *ctx);

/* The path of a cgroup2 id alone; NULL unknown. The cache's. */
const char *owner_cgroup_path(struct owner_cache *oc, uint64_t cgroup_id);

/* Whether `path` is `below` or lies under it. */
bool owner_path_under(const char *path, const char *below);

/*
 * Sockets that existed before the start, where iter/task_file is not to be had: who holds the
 * socket with these addresses, by /proc/PID/net/tcp{,6} and /proc/PID/fd. False when nobody was
 * found.
 */
bool owner_find_in_proc(struct owner_cache *oc, const struct endpoint *local,
			const struct endpoint *remote, struct owner *out);

/* Path of the cgroup2 mount; NULL where there is none. Owned by the cache. */
const char *owner_cgroup2_mount(const struct owner_cache *oc);

#endif

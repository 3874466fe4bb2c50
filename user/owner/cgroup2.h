/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroup2.h - the cgroup2 hierarchy: where it is mounted, and the path behind a cgroup id.
 *
 * Every kernel has the hierarchy, mounted or not. Where nobody mounted it, it is mounted detached:
 * the mount hangs in no name space, is seen by nobody, and goes with the last descriptor.
 */
#ifndef HTTPLAT_CGROUP2_H
#define HTTPLAT_CGROUP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup2 {
	int fd;		 /* the root directory, open for reading; -1: not to be had */
	bool detached;	 /* mounted by us, hangs nowhere */
	char *path;	 /* usable with open(2); "/proc/self/fd/N" when detached; NULL without */
	char *seen_path; /* the root as /proc/self/fd shows it: what to cut off other paths */
};

/*
 * Finds the mount through /proc/self/mountinfo, else mounts it. 0; or -errno (-EPERM, -ENODEV,
 * -ENOMEM) with fd -1, which all functions here accept. cgroup2_close() in any case.
 */
int cgroup2_open(struct cgroup2 *cg);
void cgroup2_close(struct cgroup2 *cg);

/*
 * The path of cgroup `id` from the root, "/" for the root itself, as a heap string. NULL when it
 * cannot be told: the cgroup is gone (-ESTALE in *err), or lies outside of the mount. An id is
 * never used twice, so the answer holds for good. Constant time: open_by_handle_at(2) with the id
 * as the handle.
 */
char *cgroup2_path(const struct cgroup2 *cg, uint64_t id, int *err);

/* The directory of cgroup `id`, for reading; the caller's to close. -errno (-ESTALE: it is gone). */
int cgroup2_open_id(const struct cgroup2 *cg, uint64_t id);

/* Cgroups that cgroup2_walk() goes down to; LXC within kind is a dozen. */
#define CGROUP2_DEPTH_MAX 32

/*
 * Calls fn for each cgroup that there is, a parent before its children, the root ("/") first, until
 * it returns false. `path` is valid during the call.
 */
void cgroup2_walk(const struct cgroup2 *cg, bool (*fn)(void *ctx, uint64_t id, const char *path),
		  void *ctx);

/* Whether processes of this host are in v1 hierarchies too: then "/" in cgroup2 says nothing. */
bool cgroup2_is_hybrid(void);

/* The id of the cgroup at `path` (from the root); 0 when there is none. */
uint64_t cgroup2_id(const struct cgroup2 *cg, const char *path);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include "owner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cgroup2.h"
#include "lru.h"
#include "procfs.h"
#include "socktab.h"

/* A path has at most 4 KiB and usually a hundred bytes. */
#define CGROUPS_MAX 4096
#define PIDS_MAX    4096

/* A pid is looked at again after this long: it may be another process by then, or have moved. */
#define PID_RECHECK_NS 1000000000ull

/*
 * The /proc picture is taken anew at most this often, and then for at most a twentieth of the
 * time.
 */
#define SOCKTAB_MIN_AGE_NS 1000000000ull
#define SOCKTAB_COST_RATIO 20

struct owner_cache {
	struct cgroup2 cgroup2;
	struct lru *cgroups; /* cgroup2 id -> path */
	struct lru *pids;    /* pid -> path by /proc/PID/cgroup; generation: start time */
	struct socktab *socktab;
	uint64_t socktab_due_ns; /* when a new picture may be taken */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

struct owner_cache *owner_cache_new(void)
{
	struct owner_cache *oc = calloc(1, sizeof(*oc));

	if (!oc)
		return NULL;
	cgroup2_open(&oc->cgroup2);
	oc->cgroups = lru_new(CGROUPS_MAX);
	oc->pids = lru_new(PIDS_MAX);
	if (!oc->cgroups || !oc->pids) {
		owner_cache_free(oc);
		return NULL;
	}
	return oc;
}

void owner_cache_free(struct owner_cache *oc)
{
	if (!oc)
		return;
	cgroup2_close(&oc->cgroup2);
	lru_free(oc->cgroups);
	lru_free(oc->pids);
	socktab_free(oc->socktab);
	free(oc);
}

/*
 * The path of a cgroup2 id; NULL unknown. Failures are kept as well: an id is never used again, so
 * one that is gone stays gone.
 */
static const char *cgroup_path(struct owner_cache *oc, uint64_t id)
{
	struct lru_entry *e;
	int err;

	if (!id)
		return NULL;
	e = lru_get(oc->cgroups, id);
	if (!e) {
		e = lru_put(oc->cgroups, id);
		lru_set_text(e, cgroup2_path(&oc->cgroup2, id, &err));
	}
	return e->text;
}

/* The path that /proc tells for a process, if it lives; else what it told before. */
static const char *pid_path(struct owner_cache *oc, uint32_t pid)
{
	struct lru_entry *e = lru_get(oc->pids, pid);
	uint64_t now = now_ns(CLOCK_MONOTONIC_COARSE), start;
	char *path;

	if (e && now - e->checked_ns < PID_RECHECK_NS)
		return e->text;
	e = lru_put(oc->pids, pid);
	e->checked_ns = now;
	start = procfs_start_time(pid);
	if (!start)
		return e->text; /* it has died and keeps its name */
	path = procfs_cgroup(pid);
	/* Asked again: between the two reads the pid may have passed to another process. */
	if (!path || procfs_start_time(pid) != start) {
		free(path);
		return e->generation == start ? e->text : NULL;
	}
	if (e->generation != start || !e->text || strcmp(e->text, path))
		lru_set_text(e, path);
	else
		free(path);
	e->generation = start;
	return e->text;
}

/*
 * Whether cgroup2 says nothing of a process in this cgroup: v1 and hybrid hosts keep all in the
 * root.
 */
static bool says_nothing(const char *path)
{
	return !path || !strcmp(path, "/");
}

void owner_learn(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id)
{
	const char *path = cgroup_path(oc, owner->cgroup_id);

	if (sock_cgroup_id != owner->cgroup_id)
		cgroup_path(oc, sock_cgroup_id);
	if (owner->pid && says_nothing(path))
		pid_path(oc, owner->pid);
}

void owner_resolve(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id,
		   struct owner_names *out)
{
	const char *by_pid;

	out->cgroup_id = owner->pid ? owner->cgroup_id : sock_cgroup_id;
	out->cgroup_path = cgroup_path(oc, out->cgroup_id);
	if (!owner->pid || !says_nothing(out->cgroup_path))
		return;
	by_pid = pid_path(oc, owner->pid);
	if (by_pid)
		out->cgroup_path = by_pid;
}

/* Without its last slashes; "" is the root. */
static size_t trimmed_len(const char *path)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	return len;
}

bool owner_path_under(const char *path, const char *below)
{
	size_t len, path_len;

	/* Relative to the root, with or without saying so. */
	while (*path == '/')
		path++;
	while (*below == '/')
		below++;
	len = trimmed_len(below);
	path_len = trimmed_len(path);
	return !len || (path_len >= len && !memcmp(path, below, len) &&
			(path_len == len || path[len] == '/'));
}

/* A picture of the host's sockets that is not too old, as far as its price allows. */
static void refresh_socktab(struct owner_cache *oc)
{
	uint64_t start = now_ns(CLOCK_MONOTONIC), end;

	if (oc->socktab && start < oc->socktab_due_ns)
		return;
	socktab_free(oc->socktab);
	oc->socktab = socktab_new();
	end = now_ns(CLOCK_MONOTONIC);
	oc->socktab_due_ns = end + SOCKTAB_MIN_AGE_NS;
	if ((end - start) * SOCKTAB_COST_RATIO > SOCKTAB_MIN_AGE_NS)
		oc->socktab_due_ns = end + (end - start) * SOCKTAB_COST_RATIO;
}

bool owner_find_in_proc(struct owner_cache *oc, const struct endpoint *local,
			const struct endpoint *remote, struct owner *out)
{
	struct owner found = {0};
	char *path;

	if (!oc->socktab || !(found.pid = socktab_find(oc->socktab, local, remote)))
		refresh_socktab(oc);
	if (!found.pid && oc->socktab)
		found.pid = socktab_find(oc->socktab, local, remote);
	if (!found.pid || procfs_comm(found.pid, found.comm) < 0)
		return false;
	found.tid = found.pid;
	path = procfs_cgroup2(found.pid);
	if (path)
		found.cgroup_id = cgroup2_id(&oc->cgroup2, path);
	free(path);
	*out = found;
	return true;
}

const char *owner_cgroup2_mount(const struct owner_cache *oc)
{
	return oc->cgroup2.path;
}

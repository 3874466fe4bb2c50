// SPDX-License-Identifier: GPL-2.0-only
#include "owner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroup2.h"
#include "cgwatch.h"
#include "lru.h"
#include "procfs.h"
#include "socktab.h"

/* A path has at most 4 KiB and usually a hundred bytes. */
#define CGROUPS_MAX 4096
#define MADE_MAX    4096
#define PIDS_MAX    4096

/* A pid is looked at again after this long: it may be another process by then, or have moved. */
#define PID_RECHECK_NS 1000000000ull

/*
 * The /proc picture is taken anew at most this often, and then for at most a twentieth of the
 * time.
 */
#define SOCKTAB_MIN_AGE_NS 1000000000ull
#define SOCKTAB_COST_RATIO 20

/* The first that was made; of a part of the hierarchy (a cgroup namespace) the root has another. */
#define CGROUP_ROOT_ID 1

/* In place of a start time: known from the kernel, which tells it again when it changes. */
#define TOLD UINT64_MAX

struct owner_cache {
	struct cgroup2 cgroup2;
	struct cgwatch *watch; /* NULL: it could not be had */
	struct lru *cgroups;   /* cgroup2 id -> path */
	struct lru *made;      /* the same of those that were made lately, by the kernel's word */
	bool sees_all;	       /* our cgroup2 root is the hierarchy's */
	struct lru *pids;      /* pid -> path by /proc/PID/cgroup; generation: start time */
	struct lru *inner; /* pid -> number: that in its own name space; generation: start time, or
			    * TOLD */
	uint64_t pid_ns;   /* our own pid name space; 0 unknown */
	struct names *names;
	struct socktab *socktab;
	uint64_t socktab_due_ns; /* when a new picture may be taken */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

struct owner_cache *owner_cache_new(const char *root)
{
	struct owner_cache *oc = calloc(1, sizeof(*oc));

	if (!oc)
		return NULL;
	cgroup2_open(&oc->cgroup2);
	oc->watch = cgwatch_new(&oc->cgroup2);
	oc->pid_ns = procfs_pid_ns(getpid());
	oc->cgroups = lru_new(CGROUPS_MAX);
	oc->made = lru_new(MADE_MAX);
	oc->sees_all = cgroup2_id(&oc->cgroup2, "/") == CGROUP_ROOT_ID;
	oc->pids = lru_new(PIDS_MAX);
	oc->inner = lru_new(PIDS_MAX);
	oc->names = names_new(root);
	if (!oc->cgroups || !oc->made || !oc->pids || !oc->inner || !oc->names) {
		owner_cache_free(oc);
		return NULL;
	}
	return oc;
}

void owner_cache_free(struct owner_cache *oc)
{
	if (!oc)
		return;
	cgwatch_free(oc->watch);
	cgroup2_close(&oc->cgroup2);
	lru_free(oc->cgroups);
	lru_free(oc->made);
	lru_free(oc->pids);
	lru_free(oc->inner);
	names_free(oc->names);
	socktab_free(oc->socktab);
	free(oc);
}

/*
 * The path of a cgroup2 id; NULL unknown. Failures are kept as well: an id is never used again, so
 * one that is gone stays gone, unless it has been seen coming.
 */
static const char *cgroup_path(struct owner_cache *oc, uint64_t id)
{
	struct lru_entry *e, *made;
	char *path;
	int err;

	if (!id)
		return NULL;
	e = lru_get(oc->cgroups, id);
	if (!e) {
		path = cgroup2_path(&oc->cgroup2, id, &err);
		e = lru_put(oc->cgroups, id);
		lru_set_text(e, path);
	}
	if (!e->text && (made = lru_get(oc->made, id)) && made->text)
		lru_set_text(e, strdup(made->text));
	/* The watching thread may be a moment behind. */
	if (!e->text)
		lru_set_text(e, cgwatch_path(oc->watch, id));
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

/* What the process calls itself, also after its death; 0: nothing else than we do. */
static uint32_t inner_pid(struct owner_cache *oc, uint32_t pid)
{
	struct lru_entry *e = lru_get(oc->inner, pid);
	uint64_t now = now_ns(CLOCK_MONOTONIC_COARSE), start;
	uint32_t inner;

	if (e && (e->generation == TOLD || now - e->checked_ns < PID_RECHECK_NS))
		return (uint32_t)e->number;
	e = lru_put(oc->inner, pid);
	e->checked_ns = now;
	/* Most processes are in our name space, and this is the cheapest way to know. */
	if (oc->pid_ns && procfs_pid_ns(pid) == oc->pid_ns)
		return (uint32_t)(e->number = e->generation = 0);
	start = procfs_start_time(pid);
	/* The same process as before, or it has died; a pid in a name space is for life. */
	if (!start || start == e->generation)
		return (uint32_t)e->number;
	inner = procfs_inner_pid(pid);
	if (procfs_start_time(pid) != start)
		inner = 0;
	e->number = inner;
	e->generation = start;
	return inner;
}

/* Where the owner is: by its cgroup id, else by /proc. *id is 0 where the path is not the id's. */
static const char *path_of(struct owner_cache *oc, const struct owner *owner, uint64_t *id)
{
	const char *path = cgroup_path(oc, owner->cgroup_id), *by_pid;

	*id = owner->cgroup_id;
	if (!owner->pid || !says_nothing(path))
		return path;
	by_pid = pid_path(oc, owner->pid);
	if (!by_pid)
		return path;
	*id = 0;
	return by_pid;
}

/*
 * Who is meant: the owner; the socket's creator, of whom only the cgroup is known, where there
 * is none.
 */
static struct owner owner_or_creator(const struct owner *owner, uint64_t sock_cgroup_id)
{
	return owner->pid ? *owner : (struct owner){.cgroup_id = sock_cgroup_id};
}

void owner_learn(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id)
{
	const struct owner who = owner_or_creator(owner, sock_cgroup_id);
	const char *path;
	uint64_t id;

	cgroup_path(oc, owner->cgroup_id);
	cgroup_path(oc, sock_cgroup_id);
	path = path_of(oc, &who, &id);
	if (path)
		names_learn(oc->names, id, path);
	if (who.pid)
		inner_pid(oc, who.pid);
}

void owner_learn_inner_pid(struct owner_cache *oc, uint32_t pid, uint32_t inner)
{
	struct lru_entry *e = lru_put(oc->inner, pid);

	e->number = inner == pid ? 0 : inner;
	e->generation = TOLD;
}

void owner_learn_cgroup(struct owner_cache *oc, uint64_t id, const char *path)
{
	if (oc->sees_all)
		lru_set_text(lru_put(oc->made, id), strdup(path));
}

void owner_resolve(struct owner_cache *oc, const struct owner *owner, uint64_t sock_cgroup_id,
		   struct owner_names *out)
{
	const struct owner who = owner_or_creator(owner, sock_cgroup_id);
	const char *path;
	uint64_t id;

	memset(out, 0, sizeof(*out));
	path = path_of(oc, &who, &id);
	out->cgroup_id = who.cgroup_id;
	out->cgroup_path = path;
	out->inner_pid = who.pid ? inner_pid(oc, who.pid) : 0;
	if (path)
		names_get(oc->names, id, path, out);
}

void owner_names_of(struct owner_cache *oc, uint64_t cgroup_id, const char *path,
		    struct owner_names *out)
{
	memset(out, 0, sizeof(*out));
	out->cgroup_id = cgroup_id;
	out->cgroup_path = path;
	names_peek(oc->names, cgroup_id, path, out);
}

void owner_each_cgroup(const struct owner_cache *oc,
		       bool (*fn)(void *ctx, uint64_t id, const char *path), void *ctx)
{
	cgroup2_walk(&oc->cgroup2, fn, ctx);
}

uint64_t owner_new_cgroups(struct owner_cache *oc, uint64_t since,
			   void (*fn)(void *ctx, uint64_t id, const char *path), void *ctx)
{
	return cgwatch_each_new(oc->watch, since, fn, ctx);
}

const char *owner_cgroup_path(struct owner_cache *oc, uint64_t cgroup_id)
{
	return cgroup_path(oc, cgroup_id);
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

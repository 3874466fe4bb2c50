// SPDX-License-Identifier: GPL-2.0-only
#include "identity.h"

#include <stdlib.h>
#include <time.h>

#include "descent.h"
#include "lru.h"
#include "procfs.h"

#define THREADS_MAX 16384
/* A pid may mean another process by then. */
#define RECHECK_NS UINT64_C(1000000000)
#define FOLLOWED   (UINT64_C(1) << 32)

struct identities {
	struct lru *threads; /* pid, tid -> number: uid, FOLLOWED */
	struct descent *descent;
	bool by_kernel;
};

struct identities *identities_new(uint32_t follow_pid, bool by_kernel)
{
	struct identities *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return NULL;
	ids->by_kernel = by_kernel;
	ids->threads = lru_new(THREADS_MAX);
	ids->descent = follow_pid ? descent_new(follow_pid) : NULL;
	if (!ids->threads || (follow_pid && !ids->descent)) {
		identities_free(ids);
		return NULL;
	}
	return ids;
}

void identities_free(struct identities *ids)
{
	if (!ids)
		return;
	lru_free(ids->threads);
	descent_free(ids->descent);
	free(ids);
}

static uint64_t key_of(const struct owner *owner)
{
	return (uint64_t)owner->pid << 32 | owner->tid;
}

/* Right away, for by the time of the report the process may be gone; and again after a second. */
static bool look_up_descent(struct identities *ids, struct lru_entry *e, uint32_t pid)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (e->checked_ns && now - e->checked_ns < RECHECK_NS)
		return e->number & FOLLOWED;
	e->checked_ns = now;
	return descent_has(ids->descent, pid);
}

void identities_note(struct identities *ids, const struct owner *owner, uint32_t uid, bool followed)
{
	struct lru_entry *e = lru_get(ids->threads, key_of(owner));

	if (!e)
		e = lru_put(ids->threads, key_of(owner));
	if (!ids->by_kernel)
		followed = ids->descent && look_up_descent(ids, e, owner->pid);
	e->number = uid | (followed ? FOLLOWED : 0);
}

struct identity identities_get(struct identities *ids, const struct owner *owner)
{
	struct lru_entry *e = lru_get(ids->threads, key_of(owner));
	struct identity id = {0};

	if (e) {
		id.has_uid = true;
		id.uid = (uint32_t)e->number;
		id.followed = e->number & FOLLOWED;
		return id;
	}
	id.has_uid = !procfs_uid(owner->pid, &id.uid);
	id.followed = ids->descent && descent_has(ids->descent, owner->pid);
	return id;
}

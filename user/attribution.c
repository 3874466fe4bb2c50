// SPDX-License-Identifier: GPL-2.0-only
#include "attribution.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The tables are direct-mapped: a collision costs a repeated look-up, never a wrong answer. */
#define LEARNED_SLOTS 4096
#define FOUND_SLOTS   1024
/* Of the time, looking in /proc may take at most one in this many. */
#define PROC_SHARE 10

struct attribution {
	struct owner_cache *cache;
	struct learned {
		uint32_t pid;
		uint64_t cgroup_id, sock_cgroup_id;
	} learned[LEARNED_SLOTS];
	struct told {
		uint32_t pid, inner;
	} told[LEARNED_SLOTS];
	struct found {
		uint64_t stream_1;  /* the connection's number plus 1; 0: empty */
		struct owner owner; /* pid 0: nobody was found */
	} found[FOUND_SLOTS];
	uint64_t next_proc_ns; /* not before */
};

struct attribution *attribution_new(void)
{
	struct attribution *at = calloc(1, sizeof(*at));
	const char *root = getenv("HTTPLAT_ROOT");

	if (!at)
		return NULL;
	at->cache = owner_cache_new(root ? root : "");
	if (!at->cache) {
		free(at);
		return NULL;
	}
	return at;
}

void attribution_free(struct attribution *at)
{
	if (!at)
		return;
	owner_cache_free(at->cache);
	free(at);
}

void attribution_learn(struct attribution *at, const struct owner *owner, uint64_t sock_cgroup_id)
{
	uint64_t hash = (owner->pid ^ owner->cgroup_id << 20 ^ sock_cgroup_id << 40) *
			0x9e3779b97f4a7c15ull;
	struct learned *slot = &at->learned[hash >> 32 & (LEARNED_SLOTS - 1)];
	struct learned want = {owner->pid, owner->cgroup_id, sock_cgroup_id};

	if (!want.pid && !want.cgroup_id && !want.sock_cgroup_id)
		return;
	if (slot->pid == want.pid && slot->cgroup_id == want.cgroup_id &&
	    slot->sock_cgroup_id == want.sock_cgroup_id)
		return;
	*slot = want;
	owner_learn(at->cache, owner, sock_cgroup_id);
}

void attribution_learn_inner_pid(struct attribution *at, uint32_t pid, uint32_t inner)
{
	struct told *slot = &at->told[pid & (LEARNED_SLOTS - 1)];

	if (slot->pid == pid && slot->inner == inner)
		return;
	*slot = (struct told){pid, inner};
	owner_learn_inner_pid(at->cache, pid, inner);
}

void attribution_learn_cgroup(struct attribution *at, uint64_t id, const char *path)
{
	owner_learn_cgroup(at->cache, id, path);
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Who holds the socket at tx->side. What was found, nobody too, holds for the whole connection. */
static void find_in_proc(struct attribution *at, struct transaction *tx, uint64_t now_ns)
{
	struct found *slot = &at->found[tx->stream % FOUND_SLOTS];
	bool client = tx->side == SIDE_CLIENT;

	if (slot->stream_1 != tx->stream + 1) {
		uint64_t took;

		if (now_ns < at->next_proc_ns)
			return;
		memset(slot, 0, sizeof(*slot));
		slot->stream_1 = tx->stream + 1;
		if (!owner_find_in_proc(at->cache, client ? &tx->client : &tx->server,
					client ? &tx->server : &tx->client, &slot->owner))
			memset(&slot->owner, 0, sizeof(slot->owner));
		took = monotonic_ns() - now_ns;
		at->next_proc_ns = now_ns + took * PROC_SHARE;
		if (slot->owner.pid)
			attribution_learn(at, &slot->owner, tx->sock_cgroup_id);
	}
	if (slot->owner.pid)
		tx->owner = slot->owner;
}

void attribution_name(struct attribution *at, struct transaction *tx, uint64_t now_ns,
		      struct owner_names *out)
{
	if (!tx->owner.pid && (tx->side == SIDE_CLIENT || tx->side == SIDE_SERVER))
		find_in_proc(at, tx, now_ns);
	owner_resolve(at->cache, &tx->owner, tx->sock_cgroup_id, out);
}

bool attribution_selected(struct attribution *at, const struct transaction *tx,
			  struct selection *sel, struct owner_names *names)
{
	const struct owner nobody = {0};
	struct owner_names creator;

	if (selection_judge(sel, names) == SELECTION_YES)
		return true;
	if (!tx->owner.pid || !tx->sock_cgroup_id || tx->sock_cgroup_id == tx->owner.cgroup_id)
		return false;
	owner_resolve(at->cache, &nobody, tx->sock_cgroup_id, &creator);
	if (selection_judge(sel, &creator) != SELECTION_YES)
		return false;
	owner_resolve(at->cache, &tx->owner, tx->sock_cgroup_id, names);
	return true;
}

struct owner_cache *attribution_cache(const struct attribution *at)
{
	return at->cache;
}

const char *attribution_cgroup_path(const struct attribution *at, const char *path)
{
	const char *mount = owner_cgroup2_mount(at->cache);
	size_t len = mount ? strlen(mount) : 0;

	if (len > 1 && strncmp(path, mount, len) == 0 && (path[len] == '/' || !path[len]))
		return path[len] ? path + len : "/";
	return path;
}

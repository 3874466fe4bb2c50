// SPDX-License-Identifier: GPL-2.0-only
#include "descent.h"

#include <stdlib.h>

#include "lru.h"
#include "procfs.h"

#define PROCESSES_MAX 8192
/* Generations that are gone back. */
#define DEPTH_MAX 64

struct descent {
	uint32_t root;
	uint64_t root_start;
	struct lru *known; /* pid -> number: whether; generation: start time */
};

struct descent *descent_new(uint32_t root)
{
	struct descent *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return NULL;
	ds->root = root;
	ds->root_start = procfs_start_time(root);
	ds->known = lru_new(PROCESSES_MAX);
	if (!ds->known) {
		free(ds);
		return NULL;
	}
	return ds;
}

void descent_free(struct descent *ds)
{
	if (!ds)
		return;
	lru_free(ds->known);
	free(ds);
}

/* 1 or 0 when it is known, else -1 with the start time. One that has died keeps its answer. */
static int recall(struct descent *ds, uint32_t pid, uint64_t *start)
{
	struct lru_entry *e = lru_get(ds->known, pid);

	*start = procfs_start_time(pid);
	if (pid == ds->root)
		return !*start || *start == ds->root_start;
	if (e && (!*start || e->generation == *start))
		return (int)e->number;
	return *start ? -1 : 0;
}

static bool find(struct descent *ds, uint32_t pid, unsigned int depth)
{
	struct lru_entry *e;
	uint64_t start;
	int known = recall(ds, pid, &start);

	if (known >= 0)
		return known;
	known = pid > 1 && depth < DEPTH_MAX && find(ds, procfs_parent(pid), depth + 1);
	e = lru_put(ds->known, pid);
	e->generation = start;
	e->number = (uint64_t)known;
	return known;
}

bool descent_has(struct descent *ds, uint32_t pid)
{
	return pid && find(ds, pid, 0);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "align.h"

#include <string.h>

#define NODES (2 * ALIGN_REGIONS)

static unsigned int node(enum align_side side, unsigned int region)
{
	return side * ALIGN_REGIONS + region;
}

static bool node_used(const struct align *a, unsigned int n)
{
	return n % ALIGN_REGIONS < a->cnt[n / ALIGN_REGIONS];
}

static int32_t clip(int64_t w)
{
	return w > ALIGN_FAR ? ALIGN_FAR : w < -ALIGN_FAR ? -ALIGN_FAR : (int32_t)w;
}

/* x[to] - x[from] <= w, and everything that follows from it. */
static void bound(struct align *a, unsigned int from, unsigned int to, int64_t w)
{
	if (w >= a->most[from][to])
		return;
	a->changed = true;
	if (w + a->most[to][from] < 0) {
		a->contradiction = true;
		return;
	}
	for (unsigned int i = 0; i < NODES; i++) {
		if (!node_used(a, i) || a->most[i][from] >= ALIGN_FAR)
			continue;
		for (unsigned int j = 0; j < NODES; j++) {
			int64_t sum = a->most[i][from] + w + (int64_t)a->most[to][j];

			if (node_used(a, j) && a->most[to][j] < ALIGN_FAR && sum < a->most[i][j])
				a->most[i][j] = clip(sum);
		}
	}
}

static void add_node(struct align *a, enum align_side side)
{
	unsigned int n = node(side, a->cnt[side]++);

	for (unsigned int i = 0; i < NODES; i++)
		a->most[i][n] = a->most[n][i] = ALIGN_FAR;
	a->most[n][n] = 0;
}

void align_init(struct align *a, int64_t lo, int64_t hi)
{
	memset(a, 0, sizeof(*a));
	add_node(a, ALIGN_REQUESTS);
	add_node(a, ALIGN_RESPONSES);
	align_at_most(a, 0, 0, hi);
	align_at_least(a, 0, 0, lo);
	a->changed = true;
}

bool align_full(const struct align *a, enum align_side side)
{
	return a->cnt[side] == ALIGN_REGIONS;
}

void align_hole(struct align *a, enum align_side side, uint64_t from, uint64_t to, uint64_t first,
		int64_t least, int64_t most)
{
	unsigned int before = node(side, a->cnt[side] - 1);

	a->region[side][a->cnt[side]] = (struct align_region){ from, to, first };
	add_node(a, side);
	bound(a, before, before + 1, most);
	bound(a, before + 1, before, -least);
	a->changed = true;
}

void align_forget(struct align *a, enum align_side side)
{
	unsigned int base = node(side, 0), i, j;

	memmove(a->region[side], a->region[side] + 1,
		(a->cnt[side] - 1) * sizeof(a->region[side][0]));
	for (i = base; i + 1 < base + a->cnt[side]; i++)
		memcpy(a->most[i], a->most[i + 1], sizeof(a->most[i]));
	for (i = 0; i < NODES; i++)
		for (j = base; j + 1 < base + a->cnt[side]; j++)
			a->most[i][j] = a->most[i][j + 1];
	a->cnt[side]--;
	a->changed = true;
}

void align_at_most(struct align *a, unsigned int i, unsigned int j, int64_t most)
{
	bound(a, node(ALIGN_REQUESTS, i), node(ALIGN_RESPONSES, j), most);
}

void align_at_least(struct align *a, unsigned int i, unsigned int j, int64_t least)
{
	bound(a, node(ALIGN_RESPONSES, j), node(ALIGN_REQUESTS, i), -least);
}

bool align_range(const struct align *a, unsigned int i, unsigned int j, int64_t *lo, int64_t *hi)
{
	*hi = a->most[node(ALIGN_REQUESTS, i)][node(ALIGN_RESPONSES, j)];
	*lo = -(int64_t)a->most[node(ALIGN_RESPONSES, j)][node(ALIGN_REQUESTS, i)];
	return *lo == *hi;
}

unsigned int align_region_of(const struct align *a, enum align_side side, uint64_t index)
{
	unsigned int n = a->cnt[side] - 1;

	while (n && a->region[side][n].first > index)
		n--;
	return n;
}

unsigned int align_region_at(const struct align *a, enum align_side side, uint64_t off)
{
	unsigned int n = a->cnt[side] - 1;

	while (n && a->region[side][n].from >= off)
		n--;
	return n;
}

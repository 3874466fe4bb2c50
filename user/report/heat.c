// SPDX-License-Identifier: GPL-2.0-only
#include "heat.h"

#include <inttypes.h>
#include <string.h>

#define PER_DECADE 4

/* Each stands for twice as many as the one before: 1, 2, 4, ... */
static const char shades[] = ".:-=+*#%@";

/* Columns begin at 1 us times 10^(n/4). */
static unsigned int column_of(uint64_t ns)
{
	static const unsigned int within[PER_DECADE] = {1000, 1778, 3162, 5623};
	uint64_t decade = 1000;
	unsigned int col = 0, i;

	while (ns >= decade * 10 && col < HEAT_COLUMNS - PER_DECADE) {
		decade *= 10;
		col += PER_DECADE;
	}
	for (i = PER_DECADE - 1; i && ns < decade / 1000 * within[i]; i--)
		;
	return col + i;
}

void heat_add(struct heat *h, const struct transaction *tx)
{
	uint64_t ns;

	if (!part_get(tx, h->time, &ns))
		return;
	h->cell[tx->side][column_of(ns)]++;
	h->cnt[tx->side]++;
}

static char shade_of(uint64_t n)
{
	unsigned int i = n ? 63 - __builtin_clzll(n) : 0;

	if (!n)
		return ' ';
	return shades[i < sizeof(shades) - 2 ? i : sizeof(shades) - 2];
}

static void print_title(const struct heat *h, FILE *out)
{
	static const char *const labels[] = {"1us",  "10us",  "100us", "1ms",
					     "10ms", "100ms", "1s",    "10s"};

	fprintf(out, "%s; a mark for 1, 2, 4, ... requests: %s\n%9s", part_name(h->time), shades,
		"");
	/* Every other decade, so that labels don't touch. */
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i += 2)
		fprintf(out, "%s%-*s", i ? "" : " ", 2 * PER_DECADE, labels[i]);
	putc('\n', out);
}

void heat_print(struct heat *h, FILE *out, const char *clock)
{
	static const char marks[HEAT_SIDES] = {'?', '>', '<', '-'};
	char row[HEAT_COLUMNS + 1] = {0};

	for (unsigned int side = 0; side < HEAT_SIDES; side++) {
		if (!h->cnt[side])
			continue;
		if (!h->titled)
			print_title(h, out);
		h->titled = true;
		for (unsigned int i = 0; i < HEAT_COLUMNS; i++)
			row[i] = shade_of(h->cell[side][i]);
		fprintf(out, "%-8s |%s| %c %7" PRIu64 "\n", clock, row, marks[side], h->cnt[side]);
	}
	memset(h->cell, 0, sizeof(h->cell));
	memset(h->cnt, 0, sizeof(h->cnt));
}

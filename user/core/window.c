// SPDX-License-Identifier: GPL-2.0-only
#include "window.h"

void window_round(struct window *w, uint64_t sent, uint64_t answered)
{
	if (sent != answered) {
		w->no_rounds = true;
		return;
	}
	w->round_requests += sent;
	w->bursts += sent > 1;
}

void window_reach(struct window *w, int64_t level)
{
	if (level > WINDOW_LEVELS)
		w->no_ceiling = true;
	else if (level > w->highest)
		w->highest = (uint8_t)level;
}

void window_peak(struct window *w, int64_t level)
{
	window_reach(w, level);
	if (level >= 1 && level <= WINDOW_LEVELS && w->peaks[level] < UINT16_MAX)
		w->peaks[level]++;
}

void window_refute(struct window *w)
{
	w->no_ceiling = w->no_rounds = true;
}

bool window_waits(const struct window *w)
{
	return w->waited >= WINDOW_WAITED;
}

bool window_in_rounds(const struct window *w)
{
	return !w->no_rounds && w->round_requests >= WINDOW_ROUND_REQUESTS &&
	       w->bursts >= WINDOW_BURSTS;
}

unsigned int window_ceiling(const struct window *w)
{
	unsigned int level = w->highest, peaks = w->peaks[level], below;
	double odds = WINDOW_ODDS;

	if (w->no_ceiling || level < 2 || peaks * level < WINDOW_PEAK_REQUESTS)
		return 0;
	/* One more below than there were, so that few peaks do not count as certainty. */
	below = w->peaks[level - 1] + 1;
	for (unsigned int i = 0; i < peaks && odds > 1; i++)
		odds *= (double)below / (below + peaks);
	return odds > 1 ? 0 : level;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define NOISE_NS 1000
/* More at once is a step. */
#define STEP_NS 1000000
/* While the clock is slewed it changes with each sample: not all of them are remembered. */
#define SPACING_NS 200000000

static bool is_worth_it(const struct wallclock_offset *newest, uint64_t monotonic_ns,
			int64_t offset)
{
	int64_t change = llabs(offset - newest->offset_ns);

	return change >= STEP_NS ||
	       (change >= NOISE_NS && monotonic_ns >= newest->since_ns + SPACING_NS);
}

void wallclock_note(struct wallclock *wc, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	int64_t offset = (int64_t)(realtime_ns - monotonic_ns);

	if (wc->cnt && !is_worth_it(&wc->history[wc->newest], monotonic_ns, offset))
		return;
	wc->newest = wc->cnt ? (wc->newest + 1) % WALLCLOCK_HISTORY : 0;
	wc->history[wc->newest] = (struct wallclock_offset){monotonic_ns, offset};
	if (wc->cnt < WALLCLOCK_HISTORY)
		wc->cnt++;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void wallclock_sample(struct wallclock *wc)
{
	uint64_t before = now_ns(CLOCK_MONOTONIC);
	uint64_t real = now_ns(CLOCK_REALTIME);
	uint64_t after = now_ns(CLOCK_MONOTONIC);

	wallclock_note(wc, before + (after - before) / 2, real);
}

int64_t wallclock_offset(const struct wallclock *wc, uint64_t monotonic_ns)
{
	unsigned int i, at = wc->newest;

	if (!wc->cnt)
		return 0;
	for (i = 1; i < wc->cnt && wc->history[at].since_ns > monotonic_ns; i++)
		at = (at + WALLCLOCK_HISTORY - 1) % WALLCLOCK_HISTORY;
	return wc->history[at].offset_ns;
}

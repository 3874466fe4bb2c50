// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOISE_NS 1000
/* Of so many readings the closest counts: one in which the thread was put aside says little. */
#define READINGS 4

/* How far entry i, not the first, is from the one before it. */
static int64_t change(const struct wallclock *wc, unsigned int i)
{
	return llabs(wc->history[i].offset_ns - wc->history[i - 1].offset_ns);
}

/* The two neighbours that differ least become one. */
static void forget_least(struct wallclock *wc)
{
	unsigned int i, least = 1;

	for (i = 2; i < wc->cnt; i++)
		if (change(wc, i) < change(wc, least))
			least = i;
	wc->cnt--;
	memmove(&wc->history[least], &wc->history[least + 1],
		(wc->cnt - least) * sizeof(wc->history[0]));
}

void wallclock_restore(struct wallclock *wc, uint64_t since_ns, int64_t offset_ns)
{
	if (wc->cnt && since_ns <= wc->history[wc->cnt - 1].since_ns)
		return;
	if (wc->cnt == WALLCLOCK_HISTORY)
		forget_least(wc);
	wc->history[wc->cnt++] = (struct wallclock_offset){since_ns, offset_ns};
}

void wallclock_note(struct wallclock *wc, uint64_t before_ns, uint64_t realtime_ns,
		    uint64_t after_ns)
{
	int64_t doubt = (int64_t)((after_ns - before_ns) / 2);
	uint64_t middle_ns = before_ns + (uint64_t)doubt;
	int64_t offset = (int64_t)(realtime_ns - middle_ns);

	if (doubt < NOISE_NS)
		doubt = NOISE_NS;
	if (wc->cnt && llabs(offset - wc->history[wc->cnt - 1].offset_ns) < doubt)
		return;
	wallclock_restore(wc, middle_ns, offset);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void wallclock_sample(struct wallclock *wc)
{
	uint64_t before = 0, real = 0, after = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < READINGS && after - before >= NOISE_NS; i++) {
		uint64_t b = now_ns(CLOCK_MONOTONIC);
		uint64_t r = now_ns(CLOCK_REALTIME);
		uint64_t a = now_ns(CLOCK_MONOTONIC);

		if (a - b >= after - before)
			continue;
		before = b;
		real = r;
		after = a;
	}
	wallclock_note(wc, before, real, after);
}

int64_t wallclock_offset(const struct wallclock *wc, uint64_t monotonic_ns)
{
	unsigned int i = wc->cnt;

	if (!wc->cnt)
		return 0;
	while (--i && wc->history[i].since_ns > monotonic_ns)
		;
	return wc->history[i].offset_ns;
}

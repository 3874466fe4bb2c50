/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clock.h - from the kernel's CLOCK_MONOTONIC to wall time, at the edge.
 *
 * Events are stamped with CLOCK_MONOTONIC, which never jumps; people read CLOCK_REALTIME, which is
 * stepped. (Linux slews both alike, so NTP's small corrections don't part them; a step, a leap second
 * and a suspended host do.) The offset between the two is sampled now and then, and each change is
 * remembered with the time at which it was noticed, so that an event is shown with the wall time that
 * held when it happened. Durations are differences of monotonic times and never come through here.
 *
 *	offset	0h ────────────┐since        ┌since ───── newest: events from here on
 *	                       └── -1h ──────┘
 *
 * The history is bounded. When it is full, the two neighbours that differ least become one: what is
 * lost first is noise and drift, not the step of an hour among it.
 */
#ifndef HTTPLAT_CLOCK_H
#define HTTPLAT_CLOCK_H

#include <stdint.h>

/* Offsets that are remembered; older events than the oldest use the oldest. */
#define WALLCLOCK_HISTORY 32

/* Zeroed at first. */
struct wallclock {
	struct wallclock_offset {
		uint64_t since_ns;    /* monotonic */
		int64_t offset_ns;    /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	} history[WALLCLOCK_HISTORY]; /* the oldest first */
	unsigned int cnt;
};

/*
 * One reading: CLOCK_REALTIME between two of CLOCK_MONOTONIC, later than those noted before. It is as
 * exact as these two are close: a change of less than half their distance, or than 1 us, is noise and is
 * not remembered.
 */
void wallclock_note(struct wallclock *wc, uint64_t before_ns, uint64_t realtime_ns,
		    uint64_t after_ns);

/* An offset that was noted before, as it was remembered then; later than those that are there. */
void wallclock_restore(struct wallclock *wc, uint64_t since_ns, int64_t offset_ns);

/* Reads the system's clocks and notes them. Meant to be called some times a second: a step is noticed by
 * the next call only, and events between the two have the wall time of before. */
void wallclock_sample(struct wallclock *wc);

/* What to add to a monotonic time of about monotonic_ns. 0 before the first note. */
int64_t wallclock_offset(const struct wallclock *wc, uint64_t monotonic_ns);

#endif

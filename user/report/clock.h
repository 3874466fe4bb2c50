/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clock.h - from the kernel's CLOCK_MONOTONIC to wall time, at the edge.
 *
 * Events are stamped with CLOCK_MONOTONIC, which never jumps; people read CLOCK_REALTIME, which is
 * stepped and slewed. The offset between the two is sampled now and then, and each change is remembered
 * with the time at which it was noticed, so that an event is shown with the wall time that held when it
 * happened. Durations are differences of monotonic times and never come through here.
 */
#ifndef HTTPLAT_CLOCK_H
#define HTTPLAT_CLOCK_H

#include <stdint.h>

/* Offsets that are remembered; older events than the oldest use the oldest. While the clock is
 * slewed five a second are: enough for what is reported late (core/settle.h). */
#define WALLCLOCK_HISTORY 64

struct wallclock {
	struct wallclock_offset {
		uint64_t since_ns;    /* monotonic */
		int64_t offset_ns;    /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	} history[WALLCLOCK_HISTORY]; /* ring, the newest at `newest` */
	unsigned int newest, cnt;
};

/* One reading of both clocks. A change of less than 1 us is noise and is not remembered; nor is one
 * of less than 1 ms within 200 ms of the one before, which at the fastest slew (500 ppm) is an
 * error of 100 us. */
void wallclock_note(struct wallclock *wc, uint64_t monotonic_ns, uint64_t realtime_ns);

/* Reads the system's clocks (twice CLOCK_MONOTONIC around CLOCK_REALTIME, the middle counts) and
 * notes them. Meant to be called some times a second. */
void wallclock_sample(struct wallclock *wc);

/* What to add to a monotonic time of about monotonic_ns. 0 before the first note. */
int64_t wallclock_offset(const struct wallclock *wc, uint64_t monotonic_ns);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wall clock of report.h, stepped and slewed. This file brings its own copy of clock.c, whose clocks
 * are the test's.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define USEC INT64_C(1000)
#define MSEC (1000 * USEC)
#define SEC  (1000 * MSEC)
#define HOUR (3600 * SEC)
#define TICK (50 * MSEC) /* how often the clocks are looked at */
/* 2026-11-22T21:50:01Z is at the monotonic time 0. */
#define BOOT (INT64_C(1795384201) * SEC)

/* Every reading takes `cost`; before reading number `stall_at` the thread is put aside for `stall`. */
static struct {
	int64_t mono, offset, cost, stall;
	unsigned int reading, stall_at;
} world;

static int injected_clock(clockid_t clock, struct timespec *ts)
{
	int64_t ns;

	world.mono += ++world.reading == world.stall_at ? world.stall : world.cost;
	ns = world.mono + (clock == CLOCK_REALTIME ? world.offset : 0);
	*ts = (struct timespec){ns / SEC, ns % SEC};
	return 0;
}

#define clock_gettime injected_clock
#include "report/clock.c"
#undef clock_gettime

#include "report/report.h"

static void world_begin(void)
{
	memset(&world, 0, sizeof(world));
	world.offset = BOOT;
	world.cost = 30;
}

/* A reading that takes no time. */
static void note(struct wallclock *wc, int64_t mono, int64_t offset)
{
	wallclock_note(wc, (uint64_t)mono, (uint64_t)(mono + offset), (uint64_t)mono);
}

static void test_nothing_known(void **state)
{
	struct wallclock wc = {0};

	assert_int_equal(wallclock_offset(&wc, 5), 0);
}

static void test_noise_is_not_remembered(void **state)
{
	struct wallclock wc = {0};
	unsigned int i;

	for (i = 0; i < 1000; i++)
		note(&wc, i * TICK, BOOT + (i % 2 ? 999 : 0));
	assert_int_equal(wc.cnt, 1);
	note(&wc, i * TICK, BOOT + 1000);
	assert_int_equal(wallclock_offset(&wc, i * TICK), BOOT + 1000);
}

/* Each sample's change is below the noise; their sum isn't. */
static void test_slow_drift_accumulates(void **state)
{
	struct wallclock wc = {0};
	int64_t i;

	for (i = 0; i <= 10000; i++) {
		note(&wc, i * TICK, BOOT + i * 100);
		assert_in_range(BOOT + i * 100 - wallclock_offset(&wc, (uint64_t)(i * TICK)), 0,
				USEC);
	}
}

static void test_steps(void **state)
{
	struct wallclock wc = {0};

	note(&wc, 1 * SEC, BOOT);
	note(&wc, 2 * SEC, BOOT + HOUR);
	note(&wc, 3 * SEC, BOOT - HOUR);
	note(&wc, 4 * SEC, BOOT);
	assert_int_equal(wallclock_offset(&wc, 0), BOOT); /* older than the history */
	assert_int_equal(wallclock_offset(&wc, 2 * SEC - 1), BOOT);
	assert_int_equal(wallclock_offset(&wc, 2 * SEC), BOOT + HOUR);
	assert_int_equal(wallclock_offset(&wc, 3 * SEC - 1), BOOT + HOUR);
	assert_int_equal(wallclock_offset(&wc, 3 * SEC), BOOT - HOUR);
	assert_int_equal(wallclock_offset(&wc, 4 * SEC), BOOT);
	assert_int_equal(wallclock_offset(&wc, UINT64_MAX), BOOT);
}

#define PPM	  500
#define SLEW_TIME (600 * SEC)
#define SLEW	  (SLEW_TIME / 1000000 * PPM)
/* Neighbours that differ least become one: none is more than about three even shares apart. */
#define SLEW_ERROR (3 * SLEW / WALLCLOCK_HISTORY)

static int64_t slewed(int64_t mono)
{
	return BOOT + mono / 1000000 * PPM;
}

static void near(const struct wallclock *wc, int64_t mono, int64_t want, int64_t most)
{
	int64_t off = wallclock_offset(wc, (uint64_t)mono) - want;

	if (llabs(off) > most)
		fail_msg("at %" PRId64 " ns: %" PRId64 " ns off, more than %" PRId64, mono, off,
			 most);
}

/* 500 ppm for ten minutes: 300 ms. */
static void test_slew(void **state)
{
	struct wallclock wc = {0};
	int64_t mono;

	for (mono = 0; mono <= SLEW_TIME; mono += TICK) {
		note(&wc, mono, slewed(mono));
		near(&wc, mono, slewed(mono), USEC);
	}
	for (mono = 0; mono <= SLEW_TIME; mono += TICK)
		near(&wc, mono, slewed(mono), SLEW_ERROR);
}

/* The step isn't pushed out by the 12,000 small changes after it, whichever way it goes. */
static void test_slew_keeps_the_step(void **state)
{
	static const int64_t steps[] = {HOUR, -HOUR, SEC};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct wallclock wc = {0};
		int64_t mono, step_at = 60 * SEC;

		for (mono = 0; mono <= SLEW_TIME; mono += TICK)
			note(&wc, mono, slewed(mono) + (mono >= step_at ? steps[i] : 0));
		for (mono = 0; mono <= SLEW_TIME; mono += TICK)
			near(&wc, mono, slewed(mono) + (mono >= step_at ? steps[i] : 0),
			     SLEW_ERROR);
	}
}

/* More steps than are remembered: the newest hold, the others are at most their neighbours'. */
static void test_history_overflows(void **state)
{
	struct wallclock wc = {0};
	int64_t i, last = 0, cnt = 5 * WALLCLOCK_HISTORY;

	for (i = 0; i < cnt; i++) {
		note(&wc, i * SEC, BOOT + i * HOUR);
		assert_int_equal(wallclock_offset(&wc, (uint64_t)(i * SEC)), BOOT + i * HOUR);
		assert_in_range(wc.cnt, 1, WALLCLOCK_HISTORY);
	}
	assert_int_equal(wallclock_offset(&wc, 0), BOOT);
	for (i = 0; i < cnt; i++) {
		near(&wc, i * SEC, BOOT + i * HOUR, 3 * 5 * HOUR);
		assert_true(wallclock_offset(&wc, (uint64_t)(i * SEC)) >= last);
		last = wallclock_offset(&wc, (uint64_t)(i * SEC));
	}
}

/* The thread was put aside between the readings: the middle is a guess, good enough for a step only. */
static void test_doubtful_reading(void **state)
{
	struct wallclock wc = {0};

	note(&wc, 0, BOOT);
	wallclock_note(&wc, 1 * SEC, BOOT + 1 * SEC + 100, 1 * SEC + 20 * MSEC);
	assert_int_equal(wallclock_offset(&wc, 2 * SEC), BOOT);
	wallclock_note(&wc, 3 * SEC, BOOT + HOUR + 3 * SEC + 100, 3 * SEC + 20 * MSEC);
	near(&wc, 4 * SEC, BOOT + HOUR, 10 * MSEC);
	note(&wc, 5 * SEC, BOOT + HOUR);
	assert_int_equal(wallclock_offset(&wc, 5 * SEC), BOOT + HOUR);
}

/* Whichever of the readings is interrupted, another one counts. */
static void test_sample_takes_the_closest(void **state)
{
	unsigned int at;

	for (at = 1; at <= 3 * READINGS; at++) {
		struct wallclock wc = {0};

		world_begin();
		world.cost = 2 * USEC; /* slow clocks, so that all readings are made */
		world.stall = 20 * MSEC;
		world.stall_at = at;
		wallclock_sample(&wc);
		assert_int_equal(world.reading, 3 * READINGS);
		near(&wc, world.mono, BOOT, 2 * USEC);
	}
}

static void test_sample_is_cheap(void **state)
{
	struct wallclock wc = {0};

	world_begin();
	wallclock_sample(&wc);
	assert_int_equal(world.reading, 3);
	assert_int_equal(wallclock_offset(&wc, 0), BOOT);
}

/* --- through the report ------------------------------------------------------------------------- */

static struct transaction exchange(int64_t first_ns, int64_t total_ns)
{
	struct transaction tx = {
		.hook = HOOK_CGROUP,
		.side = SIDE_SERVER,
		.req = {.seen = true, .complete = true, .first_ns = (uint64_t)first_ns},
		.resp = {.seen = true, .complete = true},
		.status = 200,
		.has_latency = true,
		.has_ttfb = true,
		.latency_ns = (uint64_t)total_ns - 1,
		.total_ns = (uint64_t)total_ns,
		.ttfb_ns = (uint64_t)total_ns - 11,
	};

	tx.req.last_ns = tx.req.first_ns + 1;
	tx.resp.last_ns = tx.req.first_ns + tx.total_ns;
	tx.resp.first_ns = tx.resp.last_ns - 10;
	return tx;
}

/* The live report whose clocks are the world's; freed by end(). */
struct run {
	struct report *rp;
	struct wallclock clock;
	FILE *out;
	char *text;
	size_t size;
};

static void begin(struct run *run, enum report_format format)
{
	struct report_options opt = {.format = format, .live = true, .owners = true,
				     .clock = &run->clock, .err = stderr};

	*run = (struct run){0};
	wallclock_sample(&run->clock);
	opt.out = run->out = open_memstream(&run->text, &run->size);
	run->rp = report_new(&opt);
	assert_non_null(run->rp);
}

static void end(struct run *run)
{
	report_free(run->rp);
	fclose(run->out);
	free(run->text);
}

static void tick(struct run *run)
{
	wallclock_sample(&run->clock);
	assert_int_equal(report_flush(run->rp, 0), 0);
}

/* What one transaction is written as, until the next call. */
static const char *told(struct run *run, const struct transaction *tx)
{
	rewind(run->out);
	assert_int_equal(report_transaction(run->rp, tx, NULL), 0);
	tick(run);
	return run->text;
}

/* `want`: the time of day. The rest of the line is the same whatever the clock did. */
static void tells(struct run *run, const struct transaction *tx, const char *want)
{
	static const char rest[] =
		"\"latency_ns\":9999999999,\"ttfb_ns\":9999999989,\"total_ns\":10000000000,"
		"\"request_ns\":1,\"response_ns\":10,";
	char time_key[64];
	const char *text = told(run, tx);

	snprintf(time_key, sizeof(time_key), "{\"time\":\"2026-11-22T%sZ\",", want);
	if (strncmp(text, time_key, strlen(time_key)) != 0)
		fail_msg("no '%s' in: %s", time_key, text);
	if (!strstr(text, rest))
		fail_msg("no '%s' in: %s", rest, text);
}

/* A request of ten seconds, and in the middle of it the clock steps. */
static void test_step_between_request_and_response(void **state)
{
	static const struct {
		int64_t step;
		const char *after; /* of a request that begins at 21 s */
	} cases[] = {
		{HOUR, "22:50:22.000000000"},
		{-HOUR, "20:50:22.000000000"},
		{-SEC, "21:50:21.000000000"},
		{100 * USEC, "21:50:22.000100000"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transaction before = exchange(SEC, 10 * SEC);
		struct transaction after = exchange(21 * SEC, 10 * SEC);
		struct run run;

		world_begin();
		begin(&run, REPORT_JSON);
		world.mono = 6 * SEC;
		world.offset += cases[i].step;
		tick(&run);
		world.mono = 12 * SEC;
		tells(&run, &before, "21:50:02.000000000");
		tells(&run, &after, cases[i].after);
		tells(&run, &before, "21:50:02.000000000"); /* order doesn't matter */
		end(&run);
	}
}

/* Ten minutes of noise, as of a busy host, after the step. */
static void test_step_is_remembered(void **state)
{
	struct transaction before = exchange(SEC, 10 * SEC);
	struct transaction after = exchange(7 * SEC, 10 * SEC);
	struct run run;

	world_begin();
	begin(&run, REPORT_JSON);
	world.mono = 6 * SEC;
	world.offset += HOUR;
	tick(&run);
	for (unsigned int i = 0; world.mono < 600 * SEC; i++) {
		world.mono += TICK;
		world.offset = BOOT + HOUR + (i % 3) * 2 * USEC;
		tick(&run);
	}
	assert_memory_equal(told(&run, &before), "{\"time\":\"2026-11-22T21:50:02.0000", 30);
	assert_memory_equal(told(&run, &after), "{\"time\":\"2026-11-22T22:50:08.0000", 30);
	end(&run);
}

static void test_older_than_the_run(void **state)
{
	struct transaction tx = exchange(SEC, 10 * SEC);
	struct run run;

	world_begin();
	world.mono = 5 * SEC;
	begin(&run, REPORT_JSON);
	tells(&run, &tx, "21:50:02.000000000");
	end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_noise_is_not_remembered),
		cmocka_unit_test(test_slow_drift_accumulates),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_slew),
		cmocka_unit_test(test_slew_keeps_the_step),
		cmocka_unit_test(test_history_overflows),
		cmocka_unit_test(test_doubtful_reading),
		cmocka_unit_test(test_sample_takes_the_closest),
		cmocka_unit_test(test_sample_is_cheap),
		cmocka_unit_test(test_step_between_request_and_response),
		cmocka_unit_test(test_step_is_remembered),
		cmocka_unit_test(test_older_than_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

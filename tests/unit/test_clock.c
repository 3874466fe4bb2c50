// SPDX-License-Identifier: GPL-2.0-only
/* Wall time at the edge, by an injected clock: drift, steps, and what neither may touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report/clock.h"

#define MS     1000000ll
#define SECOND (1000 * MS)
#define HOUR   (3600 * SECOND)
#define START  (1000 * SECOND) /* monotonic */
#define EPOCH  (1764000000ll * SECOND)

/* The clocks of a host. */
struct host {
	int64_t monotonic, offset;
	int64_t ppm; /* how fast the wall clock is slewed */
	struct wallclock wc;
};

static struct host host_at(int64_t monotonic)
{
	return (struct host){.monotonic = monotonic, .offset = EPOCH};
}

/* Time goes by; the clocks are read every 50 ms, as by the run loop. */
static void run(struct host *h, int64_t ns)
{
	for (int64_t end = h->monotonic + ns; h->monotonic < end;) {
		h->monotonic += 50 * MS;
		h->offset += 50 * h->ppm; /* 50 ms at that rate */
		wallclock_note(&h->wc, h->monotonic, h->monotonic + h->offset);
	}
}

static void assert_near(int64_t a, int64_t b, int64_t ns)
{
	if (llabs(a - b) > ns)
		fail_msg("%lld ns apart", llabs(a - b));
}

static void test_steady(void **state)
{
	struct host h = host_at(START);

	assert_int_equal(wallclock_offset(&h.wc, START), 0);
	run(&h, 60 * SECOND);
	assert_int_equal(wallclock_offset(&h.wc, START), EPOCH);
	assert_int_equal(wallclock_offset(&h.wc, h.monotonic + HOUR), EPOCH);
	assert_int_equal(h.wc.cnt, 1);
}

/* Readings are never exactly simultaneous. */
static void test_noise(void **state)
{
	struct host h = host_at(START);

	run(&h, SECOND);
	for (int i = 0; i < 1000; i++)
		wallclock_note(&h.wc, START + i, START + i + EPOCH + i % 900);
	assert_int_equal(h.wc.cnt, 1);
}

/* Five minutes at the fastest rate of adjtime(2): the wall clock goes 150 ms ahead. */
static void test_drift(void **state)
{
	struct host h = host_at(START);
	int64_t then, was;

	h.ppm = 500;
	run(&h, 290 * SECOND);
	then = h.monotonic;
	was = h.offset;
	run(&h, 6 * SECOND);
	assert_near(wallclock_offset(&h.wc, h.monotonic), h.offset, MS / 8);
	assert_near(wallclock_offset(&h.wc, then), was, MS / 8);
	assert_near(h.offset, EPOCH + 148 * MS, MS);
}

/* By an hour, both ways: what happened before is shown by the clock of before, also when it is reported after. */
static void check_step(int64_t by, int64_t ppm)
{
	struct host h = host_at(START);
	int64_t before, was, after;

	h.ppm = ppm;
	run(&h, 10 * SECOND);
	before = h.monotonic;
	was = h.offset;
	h.offset += by;
	run(&h, 5 * SECOND);
	after = h.monotonic;
	assert_near(wallclock_offset(&h.wc, before), was, MS / 8);
	assert_near(wallclock_offset(&h.wc, after), h.offset, MS / 8);
	/* A request before the step, its response after it: the duration is that of the monotonic clock. */
	assert_int_equal(after - before, 5 * SECOND);
}

static void test_step(void **state)
{
	check_step(HOUR, 0);
	check_step(-HOUR, 0);
}

static void test_step_while_slewed(void **state)
{
	check_step(HOUR, 500);
	check_step(-HOUR, -500);
}

/* More steps than are remembered: the oldest serves for what is older. */
static void test_many_steps(void **state)
{
	struct host h = host_at(START);
	int64_t i, last = 3 * WALLCLOCK_HISTORY;

	for (i = 0; i < last; i++) {
		h.offset += HOUR;
		run(&h, SECOND);
	}
	assert_int_equal(h.wc.cnt, WALLCLOCK_HISTORY);
	for (i = 0; i < WALLCLOCK_HISTORY; i++)
		assert_int_equal(wallclock_offset(&h.wc, h.monotonic - i * SECOND),
				 EPOCH + (last - i) * HOUR);
	assert_int_equal(wallclock_offset(&h.wc, START),
			 EPOCH + (last - WALLCLOCK_HISTORY + 1) * HOUR);
}

static void test_system(void **state)
{
	struct wallclock wc = {0};

	wallclock_sample(&wc);
	assert_true(wallclock_offset(&wc, 1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_step_while_slewed),
		cmocka_unit_test(test_many_steps),
		cmocka_unit_test(test_system),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

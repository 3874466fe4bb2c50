// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/window.h"

static void peaks(struct window *w, int64_t level, unsigned int cnt)
{
	while (cnt--)
		window_peak(w, level);
}

static void rounds(struct window *w, uint64_t requests, unsigned int cnt)
{
	while (cnt--)
		window_round(w, requests, requests);
}

static void test_nothing_known(void **state)
{
	struct window w = {0};

	assert_int_equal(window_ceiling(&w), 0);
	assert_false(window_in_rounds(&w));
}

/* A window that is always filled: the higher it is, the fewer peaks prove it. */
static void test_ceiling(void **state)
{
	for (int64_t level = 2; level <= 8; level++) {
		unsigned int enough = (WINDOW_PEAK_REQUESTS + level - 1) / level;
		struct window w = {0};

		if (enough < 5)
			enough = 5; /* WINDOW_ODDS */
		peaks(&w, level, 1);
		assert_int_equal(window_ceiling(&w), 0);
		peaks(&w, level, enough - 1);
		assert_int_equal(window_ceiling(&w), level);
	}
}

/* Four is reached as often as not from three: that it was never exceeded is chance. */
static void test_no_ceiling_among_all_heights(void **state)
{
	struct window w = {0};

	peaks(&w, 1, 32);
	peaks(&w, 2, 16);
	peaks(&w, 3, 8);
	peaks(&w, 4, 4);
	assert_int_equal(window_ceiling(&w), 0);
}

static void test_ceiling_exceeded(void **state)
{
	struct window w = {0};

	peaks(&w, 4, 8);
	assert_int_equal(window_ceiling(&w), 4);
	window_reach(&w, 5);
	assert_int_equal(window_ceiling(&w), 0);
	peaks(&w, 5, 20);
	assert_int_equal(window_ceiling(&w), 5);
	window_reach(&w, WINDOW_LEVELS + 1);
	assert_int_equal(window_ceiling(&w), 0);
}

static void test_levels_out_of_range(void **state)
{
	struct window w = {0};

	peaks(&w, 0, 100);
	peaks(&w, -5, 100);
	peaks(&w, INT64_MIN, 100);
	assert_int_equal(window_ceiling(&w), 0);
	peaks(&w, INT64_MAX, 100);
	assert_true(w.no_ceiling);
}

static void test_rounds(void **state)
{
	struct window w = {0};

	rounds(&w, 1, 100);
	assert_false(window_in_rounds(&w)); /* waiting for each answer is no round of several */
	rounds(&w, 4, WINDOW_BURSTS - 1);
	assert_false(window_in_rounds(&w));
	rounds(&w, 4, 1);
	assert_true(window_in_rounds(&w));
	window_round(&w, 4, 3);
	assert_false(window_in_rounds(&w));
	rounds(&w, 4, 100);
	assert_false(window_in_rounds(&w)); /* for good */
}

static void test_refuted(void **state)
{
	struct window w = {0};

	rounds(&w, 4, 20);
	peaks(&w, 4, 20);
	window_refute(&w);
	assert_false(window_in_rounds(&w));
	assert_int_equal(window_ceiling(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_no_ceiling_among_all_heights),
		cmocka_unit_test(test_ceiling_exceeded),
		cmocka_unit_test(test_levels_out_of_range),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_refuted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

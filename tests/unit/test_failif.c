// SPDX-License-Identifier: GPL-2.0-only
/* --fail-if: what a condition looks like, and when it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "failif.h"

#define MS 1000000ull

static void test_refused(void **state)
{
	static const char *const bad[] = {"",	   "p99",	  "p99=1ms", "p98>1ms",	  "p99>5",
					  "p99>", "err>1",	  "err>x%",  "err>101%",  "err>%",
					  "err>-1%", "lost>1ms", "lost>",   "count>1%",  ">1ms",
					  "p99 > 1ms", "errors>>1", "max>-1ms", NULL};
	struct failif f = {0};

	for (int i = 0; bad[i]; i++) {
		struct diag d = {0};

		if (!failif_parse(bad[i], &f, &d))
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(d.status, EXIT_USAGE);
		assert_true(d.text[0]);
	}
}

static const struct stats_group run[2] = {
	{.value = {"server"},
	 .count = 200,
	 .errors = 3,
	 .timed = 200,
	 .p50_ns = 10 * MS,
	 .p90_ns = 20 * MS,
	 .p99_ns = 30 * MS,
	 .p999_ns = 40 * MS,
	 .max_ns = 50 * MS,
	 .mean_ns = 15 * MS},
	{.value = {"client"}, .count = 10, .errors = 10},
};

static bool holds(const char *text, size_t cnt, uint64_t lost, const char **side)
{
	struct failif f;
	struct diag d = {0};
	double value;

	if (failif_parse(text, &f, &d))
		fail_msg("'%s': %s", text, d.text);
	return failif_holds(&f, run, cnt, lost, side, &value);
}

static void test_holds(void **state)
{
	static const struct {
		const char *text;
		size_t cnt;
		bool holds;
	} cases[] = {
		{"p50>9ms", 1, true},	{"p50>10ms", 1, false},	  {"p50>=10ms", 1, true},
		{"p90<21ms", 1, true},	{"p90<20ms", 1, false},	  {"p90<=20ms", 1, true},
		{"p99>29ms", 1, true},	{"p999>39.9ms", 1, true}, {"max>49ms", 1, true},
		{"mean>14ms", 1, true}, {"err>1%", 1, true},	  {"err>1.5%", 1, false},
		{"err>=1.5%", 1, true}, {"err>50%", 1, false},	  {"err>50%", 2, true},
		{"errors>3", 1, false}, {"errors>3", 2, true},	  {"count<100", 1, false},
		{"count<100", 2, true}, {"lost>0", 2, true},	  {"lost>7", 2, false},
		{"lost>=7", 0, true},	{"count<1", 0, true},	  {"err>0%", 0, false},
		{"p99<1s", 0, false},	{"p99>0ms", 0, false},	  {"errors<1", 0, true},
	};
	const char *side;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (holds(cases[i].text, cases[i].cnt, 7, &side) != cases[i].holds)
			fail_msg("%s", cases[i].text);
	/* Nothing was timed at the client: that is neither slow nor fast. */
	assert_true(holds("p99<1s", 2, 0, &side));
	assert_string_equal(side, "server");
	assert_true(holds("errors>3", 2, 0, &side));
	assert_string_equal(side, "client");
}

static void test_format(void **state)
{
	char buf[FAILIF_VALUE_MAX];
	struct diag d = {0};
	struct failif f;

	assert_int_equal(failif_parse("p99>1ms", &f, &d), 0);
	assert_string_equal(failif_format(&f, 2500000, buf), "2.500ms");
	assert_int_equal(failif_parse("err>1%", &f, &d), 0);
	assert_string_equal(failif_format(&f, 1.5, buf), "1.50%");
	assert_int_equal(failif_parse("lost>0", &f, &d), 0);
	assert_string_equal(failif_format(&f, 17, buf), "17");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests_name("failif", tests, NULL, NULL);
}

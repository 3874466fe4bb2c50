// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "units.h"

static void expect_duration(const char *text, uint64_t want)
{
	struct diag d = {0};
	uint64_t ns = 42;

	assert_int_equal(units_parse_duration("-d", text, &ns, &d), 0);
	assert_int_equal(ns, want);
	assert_string_equal(d.text, "");
}

static void test_durations(void **state)
{
	expect_duration("0", 0);
	expect_duration("0s", 0);
	expect_duration("1ns", 1);
	expect_duration("500us", 500000);
	expect_duration("10ms", 10000000);
	expect_duration("2s", 2000000000);
	expect_duration("1.5s", 1500000000);
	expect_duration("0.25ms", 250000);
	expect_duration("5m", 300000000000);
	expect_duration("1h", 3600000000000);
	expect_duration("0.0000000001s", 0); /* below a nanosecond */
	expect_duration("18446744073709551615ns", UINT64_MAX);
	expect_duration("18446744073.5s", UINT64_C(18446744073500000000));
}

static void refuse_duration(const char *text, int err, const char *part)
{
	struct diag d = {0};
	uint64_t ns = 42;

	assert_int_equal(units_parse_duration("-d", text, &ns, &d), err);
	assert_int_equal(ns, 42);
	assert_int_equal(d.status, EXIT_USAGE);
	assert_non_null(strstr(d.text, part));
	assert_null(strchr(d.text, '\n'));
}

static void test_bad_durations(void **state)
{
	static const char *const texts[] = {"",	    "s",    "-1s", "+1s", " 1s",
					    "1 s",  "1sec", "1.s", ".5s", "1..5s",
					    "1e3s", "0x1s", "1S",  "abc", "1K"};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refuse_duration(texts[i], -EINVAL, "is not a duration");
	refuse_duration("5", -EINVAL, "'5' has no unit; write 5s");
	refuse_duration("0.5", -EINVAL, "no unit");
	refuse_duration("18446744073709551616ns", -ERANGE, "too large");
	refuse_duration("18446744074s", -ERANGE, "too large");
	refuse_duration("99999999999999999999999999", -ERANGE, "too large");
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},	   {"4096", 4096},
		{"64K", 65536},	   {"64k", 65536},
		{"16M", 16777216}, {"1G", 1073741824},
		{"1.5K", 1536},	   {"17179869183G", UINT64_C(17179869183) << 30},
	};
	static const char *const bad[] = {"", "K", "-1K", "1KB", "1 K", "1.5", "ten", "5s", "1T"};
	struct diag d = {0};
	uint64_t bytes;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(units_parse_size("--max-memory", good[i].text, &bytes, &d), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		d.text[0] = '\0';
		assert_int_equal(units_parse_size("--max-memory", bad[i], &bytes, &d), -EINVAL);
		assert_non_null(strstr(d.text, "is not a size"));
	}
	d.text[0] = '\0';
	assert_int_equal(units_parse_size("--max-memory", "17179869184G", &bytes, &d), -ERANGE);
}

static void test_numbers(void **state)
{
	struct diag d = {0};
	uint64_t n = 7;

	assert_int_equal(units_parse_number("--port", "8080", 1, 65535, &n, &d), 0);
	assert_int_equal(n, 8080);
	assert_int_equal(units_parse_number("--port", "0", 1, 65535, &n, &d), -ERANGE);
	assert_string_equal(d.text, "--port: '0' is out of range (1 to 65535)");
	assert_int_equal(units_parse_number("--port", "65536", 1, 65535, &n, NULL), -ERANGE);
	assert_int_equal(units_parse_number("--port", "99999999999999999999", 1, 65535, &n, NULL),
			 -ERANGE);
	assert_int_equal(units_parse_number("--port", "80x", 1, 65535, &n, NULL), -EINVAL);
	assert_int_equal(units_parse_number("--port", "80.5", 1, 65535, &n, NULL), -EINVAL);
	assert_int_equal(units_parse_number("--port", "80.", 1, 65535, &n, NULL), -EINVAL);
	assert_int_equal(units_parse_number("--port", "", 1, 65535, &n, NULL), -EINVAL);
	assert_int_equal(n, 8080);
}

static void test_format(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0ns"},
		{999, "999ns"},
		{1000, "1.0us"},
		{12345, "12.3us"},
		{999949, "999.9us"},
		{999950, "1.000ms"},
		{1234567, "1.235ms"},
		{70248123, "70.248ms"},
		{999999499, "999.999ms"},
		{999999500, "1.000s"},
		{2500000000, "2.500s"},
		{125000000000, "125.000s"},
	};
	char buf[UNITS_DURATION_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(units_format_duration(cases[i].ns, buf), cases[i].text);
	units_format_duration(UINT64_MAX, buf);
	units_format_duration(UINT64_MAX - 499, buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations), cmocka_unit_test(test_bad_durations),
		cmocka_unit_test(test_sizes),	  cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

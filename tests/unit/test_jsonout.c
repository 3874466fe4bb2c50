// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON as it is written: commas, numbers, strings; what yajl reads back.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "report/jsonout.h"

static struct jsonout out;

/* The line, which is valid JSON; until the next call. */
static const char *printed(void)
{
	static char text[4096];
	FILE *f = fmemopen(text, sizeof(text), "w");
	char why[256];
	yajl_val tree;

	assert_int_equal(jsonout_print(&out, f), 0);
	fclose(f);
	assert_int_equal(out.b.len, 0);
	tree = yajl_tree_parse(text, why, sizeof(why));
	if (!tree)
		fail_msg("%s in %s", why, text);
	yajl_tree_free(tree);
	return text;
}

static void test_structure(void **state)
{
	jsonout_open(&out, '{');
	jsonout_put_u64(&out, "a", 1);
	jsonout_key(&out, "b");
	jsonout_open(&out, '[');
	jsonout_open(&out, '[');
	jsonout_close(&out, ']');
	jsonout_open(&out, '{');
	jsonout_close(&out, '}');
	jsonout_bool(&out, true);
	jsonout_bool(&out, false);
	jsonout_close(&out, ']');
	jsonout_put_string(&out, "c", "");
	jsonout_key_of(&out, "p.q", "nameXXX", 4);
	jsonout_number(&out, "1.500", 5);
	jsonout_key(&out, "d");
	jsonout_plain(&out, "xy", 2);
	jsonout_close(&out, '}');
	assert_string_equal(
		printed(),
		"{\"a\":1,\"b\":[[],{},true,false],\"c\":\"\",\"p.q.name\":1.500,\"d\":\"xy\"}\n");
	/* The next line begins anew. */
	jsonout_open(&out, '[');
	jsonout_close(&out, ']');
	assert_string_equal(printed(), "[]\n");
}

/* Every length of number, on both sides of each power of ten. */
static void test_numbers(void **state)
{
	char want[64];
	uint64_t power = 1;

	for (unsigned int digits = 0; digits < 20; digits++, power *= 10) {
		for (int64_t near = -1; near <= 1; near++) {
			uint64_t value = power + (uint64_t)near;

			jsonout_u64(&out, value);
			snprintf(want, sizeof(want), "%" PRIu64 "\n", value);
			assert_string_equal(printed(), want);
			jsonout_i64(&out, -(int64_t)(value & INT64_MAX));
			snprintf(want, sizeof(want), "%" PRId64 "\n", -(int64_t)(value & INT64_MAX));
			assert_string_equal(printed(), want[0] == '0' ? "0\n" : want);
		}
	}
	jsonout_u64(&out, UINT64_MAX);
	assert_string_equal(printed(), "18446744073709551615\n");
	jsonout_i64(&out, INT64_MIN);
	assert_string_equal(printed(), "-9223372036854775808\n");
}

static void test_strings(void **state)
{
	static const char hostile[] = "\"\\\n\x1b\0\x7f\xff\xe2\x80\xae\xc3\xa4";

	jsonout_text(&out, hostile, sizeof(hostile) - 1);
	assert_string_equal(printed(), "\"\\\"\\\\\\n\\u001b\\u0000\\u007f\\udcff\\u202e\xc3\xa4\"\n");
	jsonout_text(&out, NULL, 0);
	assert_string_equal(printed(), "\"\"\n");
}

/* A stream that takes nothing. */
static void test_failure(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	jsonout_u64(&out, 1);
	assert_int_equal(jsonout_print(&out, full), -ENOSPC);
	fclose(full);
	out.b.failed = true;
	assert_int_equal(jsonout_print(&out, stdout), -ENOMEM);
}

static int teardown(void **state)
{
	jsonout_free(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_failure),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}

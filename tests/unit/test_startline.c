// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/startline.h"

static enum startline probe(const char *text, size_t len)
{
	uint8_t *own = malloc(len ? len : 1); /* a read beyond it is noticed */
	enum startline kind;

	memcpy(own, text, len);
	kind = startline_probe(own, len);
	free(own);
	return kind;
}

static void test_probe(void **state)
{
	static const struct {
		const char *text;
		enum startline kind;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", STARTLINE_REQUEST },
		{ "POST http://h/ HTTP/1.0\r\n", STARTLINE_REQUEST },
		{ "OPTIONS * HTTP/1.1\r\n", STARTLINE_REQUEST },
		{ "FOO-BAR /x HTTP/1.1\r\n", STARTLINE_REQUEST },
		{ "FOO-BAR /x\r\n", STARTLINE_NO },
		{ "get / HTTP/1.1\r\n", STARTLINE_NO },
		{ "GETX", STARTLINE_NO },
		{ "GET  ", STARTLINE_NO },
		{ "HTTP/1.1 200 OK\r\n", STARTLINE_RESPONSE },
		{ "HTTP/1.0 200", STARTLINE_RESPONSE },
		{ "HTTP/2 200", STARTLINE_NO },
		{ "HTTP/1.x", STARTLINE_NO },
		{ "", STARTLINE_MAYBE },
		{ "H", STARTLINE_MAYBE },
		{ "HTTP/1.", STARTLINE_MAYBE },
		{ "GE", STARTLINE_MAYBE },
		{ "GET ", STARTLINE_MAYBE },
		{ "\x16\x03\x01\x02", STARTLINE_NO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(probe(cases[i].text, strlen(cases[i].text)), cases[i].kind);
}

/* With fewer bytes the answer is the same, or not known yet. */
static void test_prefixes(void **state)
{
	static const char *const lines[] = { "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n",
					     "PROPPATCH /a HTTP/1.1\r\n" };

	for (size_t i = 0; i < 3; i++) {
		enum startline whole = probe(lines[i], strlen(lines[i]));

		for (size_t len = 0; len < strlen(lines[i]); len++) {
			enum startline part = probe(lines[i], len);

			assert_true(part == whole || part == STARTLINE_MAYBE);
		}
	}
}

static void test_protocol(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	assert_int_equal(startline_protocol((const uint8_t *)"\x16\x03\x01", 3), PROTOCOL_TLS);
	assert_int_equal(startline_protocol((const uint8_t *)preface, 24), PROTOCOL_HTTP2);
	assert_int_equal(startline_protocol((const uint8_t *)"SSH-2.0", 7), PROTOCOL_OTHER);
	assert_int_equal(startline_protocol(NULL, 0), PROTOCOL_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

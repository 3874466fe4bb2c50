// SPDX-License-Identifier: GPL-2.0-only
/* What stands between hostile traffic and the screen: redact.h, escape.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/escape.h"
#include "report/redact.h"

static void redacts(const char *target, const char *want)
{
	size_t len = strlen(target), n;
	char *copy = malloc(len + 1), *out = malloc(REDACT_MAX(len));

	memcpy(copy, target, len); /* not NUL terminated: ASan sees a read past the end */
	copy = realloc(copy, len ? len : 1);
	n = redact_target(out, copy, len);
	if (!want) {
		assert_int_equal(n, (size_t)-1);
	} else {
		assert_int_not_equal(n, (size_t)-1);
		if (n != strlen(want) || memcmp(out, want, n) != 0)
			fail_msg("'%s' becomes '%.*s', not '%s'", target, (int)n, out, want);
	}
	free(copy);
	free(out);
}

static void test_tokens(void **state)
{
	redacts("/a?token=s3cret", "/a?token=REDACTED");
	redacts("/a?x=1&access_token=s&y=2", "/a?x=1&access_token=REDACTED&y=2");
	redacts("/a?API_KEY=1&apikey=2&api-key=3",
		"/a?API_KEY=REDACTED&apikey=REDACTED&api-key=REDACTED");
	redacts("/a?user[password]=p&passwd=q&pwd=r",
		"/a?user[password]=REDACTED&passwd=REDACTED&pwd=REDACTED");
	redacts("/a?X-Amz-Signature=ab&X-Amz-Date=1", "/a?X-Amz-Signature=REDACTED&X-Amz-Date=1");
	redacts("/cb?code=4/xyz&state=open", "/cb?code=REDACTED&state=open");
	redacts("/a?sig=1&key=2&jwt=3&auth=4&session=5&secret=6",
		"/a?sig=REDACTED&key=REDACTED&jwt=REDACTED&auth=REDACTED&session=REDACTED"
		"&secret=REDACTED");
	redacts("/a?client_secret=a;b&x=1", "/a?client_secret=REDACTED&x=1");
	redacts("/a;jsessionid=77?x=1", "/a;jsessionid=REDACTED");
	redacts("/a#access_token=s", "/a#access_token=REDACTED");
	redacts("/a?token=a=b", "/a?token=REDACTED");
	redacts("/a?next=/b?token=s", "/a?next=/b?token=REDACTED");
}

static void test_disguised_names(void **state)
{
	redacts("/a?%74oken=s", "/a?%74oken=REDACTED");
	redacts("/a?t%4Fken=s", "/a?t%4Fken=REDACTED");
	redacts("/a?pass%77ord=s&b", "/a?pass%77ord=REDACTED&b");
	redacts("?token=s", "?token=REDACTED");
	redacts("/a?"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxtoken=s",
		"/a?"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxtoken="
		"REDACTED");
}

static void test_harmless(void **state)
{
	redacts("/", NULL);
	redacts("", NULL);
	redacts("*", NULL);
	redacts("/index.html?page=3&sort=asc", NULL);
	redacts("/monkey?monkey=1&design=2&author=3&passage=4&keys=5&barcode=6", NULL);
	redacts("/a?token", NULL);
	redacts("/a?token=", NULL);
	redacts("/a?token=&b=1", NULL);
	redacts("/token=1", NULL); /* a path segment, not a parameter */
	redacts("/@scope/package", NULL);
	redacts("/user@example.com", NULL);
	redacts("example.com:443", NULL);
	redacts("http://example.com/a@b?c=d@e", NULL);
}

static void test_user_information(void **state)
{
	redacts("http://bob:hunter2@example.com/x", "http://REDACTED@example.com/x");
	redacts("http://bob@example.com", "http://REDACTED@example.com");
	redacts("http://a:b@c@example.com/", "http://REDACTED@example.com/");
	redacts("bob:hunter2@example.com:443", "REDACTED@example.com:443");
	redacts("/fetch?url=http://u:p@h/&x=1", "/fetch?url=http://REDACTED@h/&x=1");
	redacts("/proxy/http://u:p@h/a?token=b", "/proxy/http://REDACTED@h/a?token=REDACTED");
	redacts("http://@h/", NULL);
}

static void test_nul_hides_nothing(void **state)
{
	static const char target[] = "/a?password=ab\0cd&x=1";
	char out[REDACT_MAX(sizeof(target))];
	size_t n = redact_target(out, target, sizeof(target) - 1);

	assert_int_equal(n, strlen("/a?password=REDACTED&x=1"));
	assert_memory_equal(out, "/a?password=REDACTED&x=1", n);
}

/* Any bytes: no crash, no overrun, and the bound of the header holds. */
static void test_random_targets(void **state)
{
	static const char alphabet[] = "a/?&;=#@:%token\0%zz://key=\xff";
	unsigned int seed = 1, round;

	for (round = 0; round < 20000; round++) {
		size_t len = (size_t)rand_r(&seed) % 48, i, n;
		char *in = malloc(len ? len : 1), *out = malloc(REDACT_MAX(len));

		for (i = 0; i < len; i++)
			in[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		n = redact_target(out, in, len);
		assert_true(n == (size_t)-1 || n <= REDACT_MAX(len));
		free(in);
		free(out);
	}
}

static void escapes_text(const char *src, size_t len, const char *want)
{
	char out[256];
	size_t n = escape_text(out, src, len);

	out[n] = '\0';
	assert_string_equal(out, want);
	assert_int_equal(escape_text_is_plain(src, len),
			 strlen(want) == len && !memcmp(src, want, len));
}

static void escapes_json(const char *src, size_t len, const char *want)
{
	char out[256];
	size_t n = escape_json(out, src, len);

	out[n] = '\0';
	assert_string_equal(out, want);
	assert_int_equal(escape_json_is_plain(src, len),
			 strlen(want) == len && !memcmp(src, want, len));
}

#define BYTES(s) s, sizeof(s) - 1

static void test_escape_text(void **state)
{
	escapes_text(BYTES("/plain?q=\"1\""), "/plain?q=\"1\"");
	escapes_text(BYTES("/caf\xc3\xa9/\xe2\x82\xac/\xf0\x9f\x98\x80"),
		     "/caf\xc3\xa9/\xe2\x82\xac/\xf0\x9f\x98\x80");
	escapes_text(BYTES("\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
	escapes_text(BYTES("a\0b\r\n\t\x7f"), "a\\x00b\\x0d\\x0a\\x09\\x7f");
	escapes_text(BYTES("\x9b"
			   "31m"),
		     "\\x9b31m"); /* a raw C1 byte */
	escapes_text(BYTES("\xc2\x9b"
			   "31m"),
		     "\\u{9b}31m"); /* the same as UTF-8 */
	escapes_text(BYTES("\xe2\x80\xae"
			   "txt.exe"),
		     "\\u{202e}txt.exe");
	escapes_text(BYTES("\xf3\xa0\x80\x81"), "\\u{e0001}");
	escapes_text(BYTES("\\x1b"), "\\\\x1b");
	escapes_text(BYTES("\xc0\x80"), "\\xc0\\x80");		/* overlong */
	escapes_text(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* surrogate */
	escapes_text(BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	escapes_text(BYTES("\xe2\x82"), "\\xe2\\x82"); /* cut short */
}

static void test_escape_json(void **state)
{
	escapes_json(BYTES("/plain'"), "/plain'");
	escapes_json(BYTES("\"\\"), "\\\"\\\\");
	escapes_json(BYTES("\x1b\n\r\t\x7f"), "\\u001b\\n\\r\\t\\u007f");
	escapes_json(BYTES("\xff"
			   "a\x80"),
		     "\\udcffa\\udc80");
	escapes_json(BYTES("\xe2\x80\xae"), "\\u202e");
	escapes_json(BYTES("\xf3\xa0\x80\x81"), "\\udb40\\udc01");
	escapes_json(BYTES("\xc3\xa9"), "\xc3\xa9");
}

static void test_header_names(void **state)
{
	static const char *const secret[] = {"authorization", "proxy-authorization", "cookie",
					     "set-cookie",    "x-api-key",	     "x-auth-token",
					     "x-csrf-token",  "x-amz-security-token", NULL};
	static const char *const open[] = {"host",   "user-agent",   "x-request-id", "traceparent",
					   "accept", "content-type", "location",     "x-monkey",
					   "",	     NULL};

	for (int i = 0; secret[i]; i++)
		if (!redact_is_secret(secret[i], strlen(secret[i])))
			fail_msg("%s", secret[i]);
	for (int i = 0; open[i]; i++)
		if (redact_is_secret(open[i], strlen(open[i])))
			fail_msg("%s", open[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_disguised_names),
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_user_information),
		cmocka_unit_test(test_nul_hides_nothing),
		cmocka_unit_test(test_random_targets),
		cmocka_unit_test(test_escape_text),
		cmocka_unit_test(test_escape_json),
		cmocka_unit_test(test_header_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

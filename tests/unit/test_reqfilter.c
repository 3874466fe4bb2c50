// SPDX-License-Identifier: GPL-2.0-only
/* Filters by request: what their values may look like, and what they match. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "reqfilter.h"

#define S(text) ((struct slice){text, sizeof(text) - 1})

typedef int (*add_fn)(struct reqfilter *f, const char *text, struct diag *d);

static void refuse(add_fn add, const char *text, const char *words)
{
	struct reqfilter f = {0};
	struct diag d = {0};

	assert_true(add(&f, text, &d) < 0);
	assert_int_equal(d.status, EXIT_USAGE);
	if (!strstr(d.text, words))
		fail_msg("'%s' says '%s', not '%s'", text, d.text, words);
}

static bool matches(add_fn add, const char *text, const struct transaction *tx)
{
	struct reqfilter f = {0};
	struct diag d = {0};

	if (add(&f, text, &d))
		fail_msg("'%s': %s", text, d.text);
	return reqfilter_match(&f, tx);
}

static void test_refused(void **state)
{
	static const char *const statuses[] = {"",     "40",	"4x",	"xxx",	   "4o4",
					       "400-", "-400",	">",	"500-400", "404,",
					       ">=",   "40404", "<000", "4xx5",	   NULL};
	static const char *const nets[] = {
		"",	   "10",	  "10.0.0.1/33", "10.0.0.1/",	"10.0.0.1/x",
		"::1/129", "example.org", "10.0.0.1,",	 "10.0.0.1/-1", "1.2.3.4.5",
		NULL};

	for (int i = 0; statuses[i]; i++)
		refuse(reqfilter_add_status, statuses[i], "is no status");
	for (int i = 0; nets[i]; i++)
		refuse(reqfilter_add_remote, nets[i], "is no address");
	refuse(reqfilter_add_method, "", "is empty");
	refuse(reqfilter_add_method, "GET,,PUT", "is empty");
	refuse(reqfilter_add_host, "", "is empty");
	refuse(reqfilter_add_path, "api", "begin with '/'");
	refuse(reqfilter_add_path, "", "begin with '/'");
}

static void test_too_many(void **state)
{
	struct reqfilter f = {0};
	struct diag d = {0};
	add_fn all[] = {reqfilter_add_method, reqfilter_add_path, reqfilter_add_host,
			reqfilter_add_status, reqfilter_add_remote};
	const char *text[] = {"GET", "/", "h", "200", "::1"};

	for (unsigned int k = 0; k < 5; k++) {
		for (int i = 0; i < REQFILTER_MAX; i++)
			assert_int_equal(all[k](&f, text[k], &d), 0);
		assert_true(all[k](&f, text[k], &d) < 0);
	}
}

static void test_status(void **state)
{
	static const struct {
		const char *text;
		uint16_t status;
		bool shown;
	} cases[] = {
		{"404", 404, true},	{"404", 405, false},	 {"5xx", 500, true},
		{"5XX", 599, true},	{"5xx", 499, false},	 {"400-499", 400, true},
		{"400-499", 499, true}, {"400-499", 500, false}, {">=400", 400, true},
		{">=400", 399, false},	{">400", 400, false},	 {">400", 401, true},
		{">4xx", 499, false},	{">4xx", 500, true},	 {"<300", 299, true},
		{"<300", 300, false},	{"<=300", 300, true},	 {"<=3xx", 399, true},
		{"2xx,404", 404, true}, {"2xx,404", 204, true},	 {"2xx,404", 302, false},
		{"2xx-3xx", 399, true}, {"<500", 0, false}, /* no response is no status */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct transaction tx = {.status = cases[i].status};

		if (matches(reqfilter_add_status, cases[i].text, &tx) != cases[i].shown)
			fail_msg("%s and %u", cases[i].text, cases[i].status);
	}
}

static void test_path(void **state)
{
	struct transaction tx = {.target = S("/api/users/7?next=/other")};

	assert_true(matches(reqfilter_add_path, "/api/*", &tx));
	assert_true(matches(reqfilter_add_path, "/api/users/?", &tx));
	assert_true(matches(reqfilter_add_path, "*users*", &tx));
	assert_false(matches(reqfilter_add_path, "/api", &tx));
	assert_false(matches(reqfilter_add_path, "*other", &tx));
	tx.target = S("http://example.org/api/1");
	assert_true(matches(reqfilter_add_path, "/api/1", &tx));
	tx.target = S("example.org:443"); /* CONNECT has none */
	assert_false(matches(reqfilter_add_path, "*", &tx));
	tx.target = (struct slice){NULL, 0};
	assert_false(matches(reqfilter_add_path, "*", &tx));
}

static void test_host(void **state)
{
	struct http_header host = {S("host"), S("Shop.Example:8080")};
	struct transaction tx = {.req = {.headers = &host, .header_cnt = 1}};
	const struct transaction none = {0};

	assert_true(matches(reqfilter_add_host, "shop.example", &tx));
	assert_true(matches(reqfilter_add_host, "*.EXAMPLE", &tx));
	assert_true(matches(reqfilter_add_host, "shop.example:8080", &tx));
	assert_true(matches(reqfilter_add_host, "a,shop.example", &tx));
	assert_false(matches(reqfilter_add_host, "shop.example:80", &tx));
	assert_false(matches(reqfilter_add_host, "example", &tx));
	assert_false(matches(reqfilter_add_host, "*", &none));
	host.value = S("[2001:db8::1]:80");
	assert_true(matches(reqfilter_add_host, "\\[2001:db8::1]", &tx));
}

static void put(uint8_t addr[16], const char *v4)
{
	addr[10] = addr[11] = 0xff;
	memcpy(addr + 12, v4, 4);
}

static void test_remote(void **state)
{
	struct transaction tx = {.side = SIDE_SERVER};

	put(tx.client.addr, "\x0a\x01\x02\x03");
	put(tx.server.addr, "\xc0\x00\x02\x01");
	assert_true(matches(reqfilter_add_remote, "10.1.2.3", &tx));
	assert_true(matches(reqfilter_add_remote, "10.0.0.0/8", &tx));
	assert_true(matches(reqfilter_add_remote, "10.1.2.2/31", &tx));
	assert_true(matches(reqfilter_add_remote, "0.0.0.0/0", &tx));
	assert_true(matches(reqfilter_add_remote, "::1,10.1.2.3", &tx));
	assert_false(matches(reqfilter_add_remote, "10.1.2.4/31", &tx));
	assert_false(matches(reqfilter_add_remote, "192.0.2.1", &tx)); /* that is the local end */
	assert_false(matches(reqfilter_add_remote, "2001:db8::/32", &tx));
	tx.side = SIDE_CLIENT;
	assert_true(matches(reqfilter_add_remote, "192.0.2.1", &tx));
	assert_false(matches(reqfilter_add_remote, "10.1.2.3", &tx));
	tx.side = SIDE_TRANSIT;
	assert_true(matches(reqfilter_add_remote, "192.0.2.1", &tx));
	assert_true(matches(reqfilter_add_remote, "10.1.2.3", &tx));
	tx.client = (struct endpoint){{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, 1};
	assert_true(matches(reqfilter_add_remote, "2001:db8::/32", &tx));
	assert_true(matches(reqfilter_add_remote, "2001:db8::1", &tx));
	assert_true(matches(reqfilter_add_remote, "::/0", &tx));
}

static void test_slow_and_errors(void **state)
{
	const struct reqfilter slow = {.slow_ns = 100}, errors = {.errors = true};
	struct transaction tx = {.has_latency = true, .latency_ns = 100, .status = 200};

	assert_true(reqfilter_match(&slow, &tx));
	assert_false(reqfilter_match(&errors, &tx));
	tx.latency_ns = 99;
	assert_false(reqfilter_match(&slow, &tx));
	tx.has_latency = false;
	tx.latency_ns = 1000;
	assert_false(reqfilter_match(&slow, &tx));
	tx.status = 400;
	assert_true(reqfilter_match(&errors, &tx));
	tx.status = 0;
	tx.flags = TX_NO_RESPONSE;
	assert_true(reqfilter_match(&errors, &tx));
	tx.status = 200;
	tx.flags = TX_RESET;
	assert_true(reqfilter_match(&errors, &tx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_remote),
		cmocka_unit_test(test_slow_and_errors),
	};

	return cmocka_run_group_tests_name("reqfilter", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Tables: which group a transaction is counted in, percentiles against the exact ones, and how it is printed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/heat.h"
#include "report/route.h"
#include "report/stats.h"
#include "report/table.h"

#define S(text) ((struct slice){text, sizeof(text) - 1})
#define VALUES	1000000

static struct transaction tx_of(enum tx_side side, uint64_t latency_ns)
{
	return (struct transaction){
		.side = side,
		.has_latency = true,
		.latency_ns = latency_ns,
		.method = S("GET"),
		.target = S("/users/7?x"),
		.status = 200,
		.owner = {.pid = 7, .comm = "web"},
		.client = {{[10] = 0xff, 0xff, 10, 0, 0, 1}, 40000},
		.server = {{[10] = 0xff, 0xff, 10, 0, 0, 2}, 80},
		.req = {.seen = true, .size = 10, .first_ns = 5, .last_ns = 6},
		.resp = {.seen = true, .size = 100, .first_ns = 7, .last_ns = 9}};
}

static struct stats *open_by(enum stats_key key)
{
	struct stats *s = stats_new(&(struct stats_options){.by = {key}, .by_cnt = 1});

	assert_non_null(s);
	return s;
}

static const struct stats_group *groups(struct stats *s, size_t want)
{
	const struct stats_group *g;
	size_t cnt;

	assert_int_equal(stats_groups(s, &g, &cnt), 0);
	assert_int_equal(cnt, want);
	return g;
}

static void test_keys(void **state)
{
	static const struct owner_names names = {.cgroup_path = "/a/b",
						 .container_name = "box",
						 .pod = "p",
						 .pod_namespace = "ns",
						 .unit = "u.service"};
	static const char *const server[STATS_KEYS] = {
		"web",	       "7",	   "box", "ns/p", "u.service", "/a/b", "shop:80",
		"/users/{id}", "/users/7", "GET", "200",  "10.0.0.1",  "80",   "server",
	};
	struct http_header host = {S("host"), S("shop:80")};
	struct transaction tx = tx_of(SIDE_SERVER, 1);

	tx.req.headers = &host;
	tx.req.header_cnt = 1;
	for (enum stats_key key = 0; key < STATS_KEYS; key++) {
		struct stats *s = open_by(key);

		assert_int_equal(stats_add(s, &tx, &names), 0);
		assert_string_equal(groups(s, 1)->value[0], "server");
		assert_string_equal(groups(s, 1)->value[1], server[key]);
		stats_free(s);
	}
	tx.side = SIDE_CLIENT;
	for (enum stats_key key = STATS_REMOTE; key <= STATS_PORT; key++) {
		struct stats *s = open_by(key);

		assert_int_equal(stats_add(s, &tx, NULL), 0);
		assert_string_equal(groups(s, 1)->value[1],
				    key == STATS_PORT ? "40000" : "10.0.0.2");
		stats_free(s);
	}
}

/* The two sides of an exchange are never added up; errors are what --errors takes. */
static void test_counts(void **state)
{
	struct stats *s = open_by(STATS_METHOD);
	struct transaction tx = tx_of(SIDE_SERVER, 10);
	const struct stats_group *g;

	assert_int_equal(stats_add(s, &tx, NULL), 0);
	tx.status = 503;
	tx.latency_ns = 30;
	assert_int_equal(stats_add(s, &tx, NULL), 0);
	tx.status = 0;
	tx.flags = TX_NO_RESPONSE;
	tx.has_latency = false;
	tx.resp = (struct message){0};
	assert_int_equal(stats_add(s, &tx, NULL), 0);
	tx = tx_of(SIDE_CLIENT, 10);
	assert_int_equal(stats_add(s, &tx, NULL), 0);
	g = groups(s, 2);
	assert_string_equal(g[0].value[0], "server");
	assert_int_equal(g[0].count, 3);
	assert_int_equal(g[0].errors, 2);
	assert_int_equal(g[0].timed, 2);
	assert_int_equal(g[0].max_ns, 30);
	assert_int_equal(g[0].mean_ns, 20);
	assert_int_equal(g[0].p50_ns, 10);
	assert_int_equal(g[0].request_bytes, 30);
	assert_int_equal(g[0].response_bytes, 200);
	assert_int_equal(g[1].count, 1);
	assert_int_equal(stats_span_ns(s), 4);
	stats_reset(s);
	groups(s, 0);
	stats_free(s);
}

/* What does not fit is counted, a row for each side, and stands last. */
static void test_other(void **state)
{
	struct stats *s = open_by(STATS_PID);
	struct transaction tx = tx_of(SIDE_SERVER, 1);
	const struct stats_group *g;
	uint64_t sum = 0;
	size_t i;

	for (uint32_t pid = 1; pid <= STATS_GROUPS_MAX + 50; pid++) {
		tx.owner.pid = pid;
		tx.side = pid % 2 ? SIDE_SERVER : SIDE_CLIENT;
		assert_int_equal(stats_add(s, &tx, NULL), 0);
	}
	g = groups(s, STATS_GROUPS_MAX + 2);
	for (i = 0; i < STATS_GROUPS_MAX + 2; i++)
		sum += g[i].count;
	assert_int_equal(sum, STATS_GROUPS_MAX + 50);
	for (i = STATS_GROUPS_MAX; i < STATS_GROUPS_MAX + 2; i++) {
		assert_true(g[i].other);
		assert_string_equal(g[i].value[1], "(other)");
		assert_int_equal(g[i].count, 25);
	}
	stats_free(s);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Within 1 % of the exact nearest rank, and not above the maximum. */
static void check_percentiles(uint64_t (*next)(uint64_t *seed), size_t n)
{
	uint64_t *all = malloc(n * sizeof(*all)), seed = 88172645463325252ull, sum = 0, last = 0;
	struct stats *s = open_by(STATS_METHOD);
	const struct stats_group *g;

	assert_non_null(all);
	for (size_t i = 0; i < n; i++) {
		struct transaction tx = tx_of(SIDE_SERVER, all[i] = next(&seed));

		assert_int_equal(stats_add(s, &tx, NULL), 0);
		sum += all[i];
	}
	qsort(all, n, sizeof(*all), by_value);
	g = groups(s, 1);
	for (unsigned int i = 0; i < 4; i++) {
		static const unsigned int per_mille[] = {500, 900, 990, 999};
		const uint64_t got[] = {g->p50_ns, g->p90_ns, g->p99_ns, g->p999_ns};
		uint64_t want = all[(n * per_mille[i] + 999) / 1000 - 1];

		if (got[i] < want || got[i] - want > want / 100 || got[i] > all[n - 1])
			fail_msg("p%u of %zu: %llu, not %llu", per_mille[i], n,
				 (unsigned long long)got[i], (unsigned long long)want);
		assert_true(got[i] >= last);
		last = got[i];
	}
	assert_int_equal(g->max_ns, all[n - 1]);
	assert_int_equal(g->mean_ns, sum / n);
	free(all);
	stats_free(s);
}

static uint64_t xorshift(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

static uint64_t uniform(uint64_t *seed)
{
	return xorshift(seed) % 1000000000;
}

/* From nanoseconds to the hour, each magnitude as often. */
static uint64_t wide(uint64_t *seed)
{
	return xorshift(seed) >> (23 + xorshift(seed) % 41);
}

static uint64_t two_values(uint64_t *seed)
{
	return xorshift(seed) % 100 ? 1000 : 987654321;
}

static uint64_t tiny(uint64_t *seed)
{
	return xorshift(seed) % 3;
}

static double fraction(uint64_t *seed)
{
	return (double)(xorshift(seed) >> 11) / 0x1p53;
}

/* 5 ms in the mean, as of a queue. */
static uint64_t exponential(uint64_t *seed)
{
	return (uint64_t)(-5e6 * log(1 - fraction(seed)));
}

/* A millisecond at least, and a few that take minutes. */
static uint64_t heavy_tail(uint64_t *seed)
{
	double ns = 1e6 / pow(1 - fraction(seed), 1 / 0.9);

	return ns < 3.6e12 ? (uint64_t)ns : 3600000000000;
}

/* Where the histogram's buckets end. */
static uint64_t edges(uint64_t *seed)
{
	uint64_t n = xorshift(seed);

	return (UINT64_C(1) << n % 41) * (128 + n / 64 % 3) / 128 + n / 256 % 3 - 1;
}

static uint64_t constant(uint64_t *seed)
{
	(void)seed;
	return 123456789;
}

static void test_percentiles(void **state)
{
	uint64_t (*const all[])(uint64_t *) = {uniform,	    wide,	two_values, tiny,
					       exponential, heavy_tail, edges,	    constant};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		check_percentiles(all[i], VALUES);
		for (size_t n = 1; n <= 40; n++)
			check_percentiles(all[i], n);
	}
}

/* What takes longer than an hour counts as an hour, but for the maximum and the mean. */
static void test_longer_than_an_hour(void **state)
{
	struct transaction tx = tx_of(SIDE_SERVER, 7200000000000);
	struct stats *s = open_by(STATS_METHOD);
	const struct stats_group *g;

	assert_int_equal(stats_add(s, &tx, NULL), 0);
	g = groups(s, 1);
	assert_in_range(g->p50_ns, 3600000000000, 3636000000000);
	assert_in_range(g->p999_ns, 3600000000000, 3636000000000);
	assert_int_equal(g->max_ns, 7200000000000);
	assert_int_equal(g->mean_ns, 7200000000000);
	stats_free(s);
}

static void test_route(void **state)
{
	static const char *const cases[][2] = {
		{"/users/123/orders/9f8e7d6c5b4a", "/users/{id}/orders/{id}"},
		{"/v2/user7/2fa", "/v2/user7/2fa"},
		{"/a/550e8400-e29b-41d4-a716-446655440000/", "/a/{id}/"},
		{"/img/20240131.png", "/img/{id}.png"},
		{"/2024-01-31/x", "/{id}/x"},
		{"/s/eyJhbGciOiJIUzI1NiJ9.abc", "/s/{id}"},
		{"/deadbeef", "/deadbeef"},
		{"/facade/1", "/facade/{id}"},
		{"//7//", "//{id}//"},
		{"/", "/"},
		{"", ""},
		{"*", "*"},
		{"/a.b.c/1.tar", "/a.b.c/{id}.tar"},
		{"/.5/5.", "/.5/5."},
	};
	char out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice path = {cases[i][0], (uint32_t)strlen(cases[i][0])};

		out[route_fold(path, out, sizeof(out) - 1)] = 0;
		assert_string_equal(out, cases[i][1]);
	}
	assert_int_equal(route_fold(S("/12345/abcdef"), out, 6), 6);
	assert_memory_equal(out, "/{id}/", 6);
}

static char *print(enum table_format format, const struct stats_options *so, bool histogram,
		   const struct transaction *txs, size_t n)
{
	struct table_options opt = {.format = format,
				    .stats = so,
				    .elapsed_ns = 2000000000,
				    .header = true,
				    .histogram = histogram};
	struct stats *s = stats_new(so);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(stats_add(s, &txs[i], NULL), 0);
	assert_int_equal(table_print(out, s, &opt), 0);
	fclose(out);
	stats_free(s);
	return text;
}

static void expect(enum table_format format, const struct stats_options *so, bool histogram,
		   const struct transaction *txs, size_t n, const char *want)
{
	char *text = print(format, so, histogram, txs, n);

	assert_string_equal(text, want);
	free(text);
}

static void test_print(void **state)
{
	static const struct stats_options so = {.by = {STATS_PATH, STATS_STATUS}, .by_cnt = 2};
	struct transaction txs[3] = {tx_of(SIDE_SERVER, 1500), tx_of(SIDE_SERVER, 3000),
				     tx_of(SIDE_CLIENT, 0)};

	txs[2].has_latency = false;
	txs[2].status = 0;
	txs[2].flags = TX_NO_RESPONSE;
	txs[2].resp = (struct message){0};
	txs[2].target = S("=\"\033[31m,x");
	expect(TABLE_TEXT, &so, true, txs, 3,
	       "SIDE    PATH          STATUS  COUNT   RATE  ERRORS    P50    P90    P99  P99.9    "
	       "MAX  IN  OUT\n"
	       "server  /users/7      200         2  1.0/s       0  1.5us  3.0us  3.0us  3.0us  "
	       "3.0us  20  200\n"
	       "client  =\"\\x1b[31m,x  -           1  0.5/s       1      -      -      -      -   "
	       "   -  10    0\n"
	       "\n"
	       "side = server  path = /users/7  status = 200  (latency)\n"
	       "                usecs : count    distribution\n"
	       "         0 -> 1       : 1        |****************************************|\n"
	       "         2 -> 3       : 1        |****************************************|\n");
	expect(TABLE_JSON, &so, false, txs, 3,
	       "{\"side\":\"server\",\"url.path\":\"/users/7\",\"http.response.status_code\":200,"
	       "\"count\":2,\"rate\":1.000,\"errors\":0,\"time\":\"latency\",\"p50_ns\":1503,"
	       "\"p90_ns\":3000,\"p99_ns\":3000,\"p999_ns\":3000,\"max_ns\":3000,\"mean_ns\":2250,"
	       "\"http.request.size\":20,\"http.response.size\":200}\n"
	       "{\"side\":\"client\",\"url.path\":\"=\\\"\\u001b[31m,x\",\"count\":1,\"rate\":0."
	       "500,"
	       "\"errors\":1,\"time\":\"latency\",\"http.request.size\":10,"
	       "\"http.response.size\":0}\n");
	expect(TABLE_CSV, &so, false, txs, 3,
	       "side,url.path,http.response.status_code,count,rate,errors,time,p50_ns,p90_ns,p99_"
	       "ns,"
	       "p999_ns,max_ns,mean_ns,http.request.size,http.response.size\r\n"
	       "\"server\",\"/users/7\",\"200\",2,1.000,0,latency,1503,3000,3000,3000,3000,2250,20,"
	       "200\r\n"
	       "\"client\",\"'=\"\"\\x1b[31m,x\",,1,0.500,1,latency,,,,,,,10,0\r\n");
}

/* A side that is asked for is there anyway. */
static void test_side_once(void **state)
{
	static const struct stats_options so = {.by = {STATS_SIDE}, .by_cnt = 1};
	struct transaction tx = tx_of(SIDE_SERVER, 1500);
	char *text = print(TABLE_JSON, &so, false, &tx, 1);

	assert_non_null(strstr(text, "{\"side\":\"server\",\"count\":1,"));
	free(text);
}

static void test_sort(void **state)
{
	struct transaction txs[3] = {tx_of(SIDE_SERVER, 10), tx_of(SIDE_SERVER, 10),
				     tx_of(SIDE_SERVER, 500)};
	struct stats_options so = {.by = {STATS_METHOD}, .by_cnt = 1};

	txs[2].method = S("PUT");
	for (unsigned int i = 0; stats_sort_names[i]; i++) {
		struct stats *s;

		so.sort = (enum stats_sort)i;
		s = stats_new(&so);
		for (unsigned int k = 0; k < 3; k++)
			assert_int_equal(stats_add(s, &txs[k], NULL), 0);
		assert_string_equal(groups(s, 2)[0].value[1],
				    so.sort >= STATS_BY_P50 && so.sort <= STATS_BY_MEAN ? "PUT"
											: "GET");
		stats_free(s);
	}
}

static void heat_up(struct heat *h, enum tx_side side, uint64_t ns, unsigned int n)
{
	struct transaction tx = tx_of(side, ns);

	while (n--)
		heat_add(h, &tx);
}

static void test_heat(void **state)
{
	static const struct {
		uint64_t ns;
		unsigned int column;
	} cases[] = {
		{0, 0},
		{999, 0},
		{1000, 0},
		{1777, 0},
		{1778, 1},
		{3162, 2},
		{5623, 3},
		{9999, 3},
		{10000, 4},
		{999999, 11},
		{1000000, 12},
		{1778000, 13},
		{999999999, 23},
		{1000000000, 24},
		{9999999999, 27},
		{10000000000, 28},
		{99999999999, 31},
		{100000000000, 31},
		{UINT64_MAX, 31},
	};
	struct heat h = {.time = PART_LATENCY};
	char *text = NULL;
	size_t size;
	FILE *out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&h, 0, sizeof(h));
		heat_up(&h, SIDE_SERVER, cases[i].ns, 1);
		assert_int_equal(h.cell[SIDE_SERVER][cases[i].column], 1);
	}
	memset(&h, 0, sizeof(h));
	out = open_memstream(&text, &size);
	heat_print(&h, out, "00:00:00"); /* nothing happened */
	heat_up(&h, SIDE_SERVER, 1000, 1);
	heat_up(&h, SIDE_SERVER, 10000, 3);
	heat_up(&h, SIDE_SERVER, 1000000, 255);
	heat_up(&h, SIDE_SERVER, 10000000, 100000);
	heat_up(&h, SIDE_CLIENT, 99999999999, 4);
	heat_print(&h, out, "00:00:01");
	heat_print(&h, out, "00:00:02");
	heat_up(&h, SIDE_TRANSIT, 1000, 16);
	heat_print(&h, out, "00:00:03");
	fclose(out);
	assert_string_equal(text, "latency; a mark for 1, 2, 4, ... requests: .:-=+*#%@\n"
				  "          1us     100us   10ms    1s      \n"
				  "00:00:01 |                               -| >       4\n"
				  "00:00:01 |.   :       %   @               | <  100259\n"
				  "00:00:03 |+                               | -      16\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),	  cmocka_unit_test(test_counts),
		cmocka_unit_test(test_other),	  cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_route),	  cmocka_unit_test(test_print),
		cmocka_unit_test(test_side_once), cmocka_unit_test(test_sort),
		cmocka_unit_test(test_heat),	  cmocka_unit_test(test_longer_than_an_hour),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

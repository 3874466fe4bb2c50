// SPDX-License-Identifier: GPL-2.0-only
/* Two ends of an exchange meet: both orders, who waits for how long, and that each comes out once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/join.h"

/* What came out, in order: ids of both, 'c' and 's' for one alone. */
static struct {
	char log[1 << 12];
	unsigned int pairs, alone;
	int fail; /* what the callee answers */
} got;

static struct join *j;

static int take(void *ctx, const struct record *client, const struct record *server)
{
	const struct record *any = client ? client : server;
	size_t len = strlen(got.log);

	assert_ptr_equal(ctx, &got);
	assert_true(!client || client->tx.side != SIDE_SERVER);
	assert_true(!server || server->tx.side != SIDE_CLIENT);
	if (len + 16 < sizeof(got.log))
		sprintf(got.log + len, "%s%s%u", client ? "c" : "", server ? "s" : "",
			(unsigned int)any->tx.exchange_id);
	got.pairs += client && server;
	got.alone += !client || !server;
	return got.fail;
}

static int setup(void **state)
{
	memset(&got, 0, sizeof(got));
	j = join_new(take, &got);
	return j ? 0 : -1;
}

static int teardown(void **state)
{
	join_free(j);
	return 0;
}

static struct transaction record(enum tx_side side, uint64_t id)
{
	return (struct transaction){.side = side,
				    .exchange_id = id,
				    .req.seen = true,
				    .resp.seen = true,
				    .method = {"GET", 3},
				    .status = 200};
}

static void add(enum tx_side side, uint64_t id, uint64_t now_ns)
{
	struct transaction tx = record(side, id);

	assert_int_equal(join_add(j, &tx, NULL, now_ns), 0);
}

static void test_either_order(void **state)
{
	add(SIDE_SERVER, 1, 0);
	add(SIDE_CLIENT, 2, 0);
	assert_string_equal(got.log, "");
	add(SIDE_CLIENT, 1, 0);
	add(SIDE_SERVER, 2, 0);
	assert_string_equal(got.log, "cs1cs2");
}

static void test_expire(void **state)
{
	add(SIDE_SERVER, 1, 100);
	add(SIDE_CLIENT, 2, 200);
	assert_int_equal(join_expire(j, 99 + JOIN_NS), 0);
	assert_string_equal(got.log, "");
	assert_int_equal(join_expire(j, 100 + JOIN_NS), 0);
	assert_string_equal(got.log, "s1");
	add(SIDE_CLIENT, 1, 300); /* too late */
	assert_int_equal(join_expire(j, UINT64_MAX), 0);
	assert_string_equal(got.log, "s1c2c1");
	assert_int_equal(join_expire(j, UINT64_MAX), 0);
	assert_string_equal(got.log, "s1c2c1");
}

/* What can have no partner does not wait. */
static void test_without_partner(void **state)
{
	struct transaction tx = record(SIDE_CLIENT, 5);

	add(SIDE_TRANSIT, 1, 0);
	add(SIDE_SERVER, 0, 0);
	tx.req.seen = false; /* an orphan response */
	assert_int_equal(join_add(j, &tx, NULL, 0), 0);
	assert_string_equal(got.log, "s1s0c5");
}

/* Neither end has seen a response. */
static void test_unanswered(void **state)
{
	struct transaction tx = record(SIDE_CLIENT, 5);

	tx.resp.seen = false;
	tx.status = 0;
	assert_int_equal(join_add(j, &tx, NULL, 0), 0);
	tx.side = SIDE_SERVER;
	assert_int_equal(join_add(j, &tx, NULL, 0), 0);
	assert_string_equal(got.log, "cs5");
}

/* What they borrow is bounded as well. */
static void test_bytes(void **state)
{
	static char target[160 << 10];
	struct transaction tx = record(SIDE_CLIENT, 0);
	size_t most = JOIN_BYTES / sizeof(target) + 1;

	tx.target = (struct slice){target, sizeof(target)};
	for (uint64_t id = 1; id <= most; id++) {
		tx.exchange_id = id;
		assert_int_equal(join_add(j, &tx, NULL, 0), 0);
	}
	assert_in_range(got.alone, 1, 3);
	assert_int_equal(join_expire(j, UINT64_MAX), 0);
	assert_int_equal(got.alone, most);
}

/* Seen twice at one side, or the same numbers by chance. */
static void test_same_id(void **state)
{
	struct transaction other = record(SIDE_CLIENT, 1);

	add(SIDE_SERVER, 1, 0);
	add(SIDE_SERVER, 1, 0);
	assert_string_equal(got.log, "s1");
	other.status = 404;
	assert_int_equal(join_add(j, &other, NULL, 0), 0);
	assert_string_equal(got.log, "s1s1");
	other.side = SIDE_SERVER;
	other.method = (struct slice){"PUT", 3};
	assert_int_equal(join_add(j, &other, NULL, 0), 0);
	assert_string_equal(got.log, "s1s1c1");
	assert_int_equal(got.pairs, 0);
	assert_int_equal(join_expire(j, UINT64_MAX), 0);
	assert_int_equal(got.alone, 4);
}

/* The oldest goes first, and none is lost. */
static void test_bound(void **state)
{
	for (uint64_t id = 1; id <= JOIN_MAX + 2; id++)
		add(SIDE_CLIENT, id, 0);
	assert_string_equal(got.log, "c1c2");
	add(SIDE_SERVER, JOIN_MAX + 2, 0);
	assert_int_equal(got.pairs, 1);
	assert_int_equal(join_expire(j, UINT64_MAX), 0);
	assert_int_equal(got.alone, JOIN_MAX + 1);
}

static void test_failure_is_passed_on(void **state)
{
	struct transaction tx = record(SIDE_CLIENT, 1);

	add(SIDE_SERVER, 1, 0);
	add(SIDE_SERVER, 2, 0);
	got.fail = -32;
	assert_int_equal(join_add(j, &tx, NULL, 0), -32);
	assert_int_equal(join_expire(j, UINT64_MAX), -32);
	assert_string_equal(got.log, "cs1s2");
}

static int check_copy(void *ctx, const struct record *client, const struct record *server)
{
	assert_null(client);
	assert_memory_equal(server->tx.method.ptr, "POST", 4);
	assert_memory_equal(server->tx.target.ptr, "/target", 7);
	assert_int_equal(server->tx.req.header_cnt, 2);
	assert_memory_equal(server->tx.req.headers[1].name.ptr, "user-agent", 10);
	assert_memory_equal(server->tx.req.headers[1].value.ptr, "me", 2);
	assert_int_equal(server->tx.resp.header_cnt, 1);
	assert_memory_equal(server->tx.resp.headers[0].value.ptr, "text/plain", 10);
	assert_string_equal(server->names.cgroup_path, "/a/b");
	assert_string_equal(server->names.pod, "pod-0");
	assert_null(server->names.unit);
	got.alone++;
	return 0;
}

/* All that a record borrows is gone when its partner comes. */
static void test_deep_copy(void **state)
{
	char method[] = "POST", target[] = "/target", host[] = "host", h[] = "h",
	     agent[] = "user-agent", me[] = "me", type[] = "content-type", text[] = "text/plain",
	     path[] = "/a/b", pod[] = "pod-0";
	struct http_header req[2] = {{{host, 4}, {h, 1}}, {{agent, 10}, {me, 2}}};
	struct http_header resp[1] = {{{type, 12}, {text, 10}}};
	struct transaction tx = record(SIDE_SERVER, 7);
	struct owner_names names = {.cgroup_path = path, .pod = pod};
	struct join *copying = join_new(check_copy, NULL);

	tx.method = (struct slice){method, 4};
	tx.target = (struct slice){target, 7};
	tx.req.headers = req;
	tx.req.header_cnt = 2;
	tx.resp.headers = resp;
	tx.resp.header_cnt = 1;
	assert_int_equal(join_add(copying, &tx, &names, 0), 0);
	for (char **p = (char *[]){method, target, host, h, agent, me, type, text, path, pod, NULL};
	     *p; p++)
		memset(*p, 'X', strlen(*p));
	memset(req, 0xff, sizeof(req));
	memset(resp, 0xff, sizeof(resp));
	assert_int_equal(join_expire(copying, UINT64_MAX), 0);
	assert_int_equal(got.alone, 1);
	join_free(copying);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_either_order), TEST(test_expire),	TEST(test_without_partner),
		TEST(test_same_id),	 TEST(test_bound),	TEST(test_failure_is_passed_on),
		TEST(test_deep_copy),	 TEST(test_unanswered), TEST(test_bytes),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The filters by owner in the capture programs (bpf/filter.h), through BPF_PROG_TEST_RUN on the
 * socket hook, whose owners are found by tuple: there is no real socket in a test run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture.skel.h"

#define REQUEST "GET / HTTP/1.1\r\n\r\n"

static const struct hook_case *const tap = &hooks[HOOK_CNT - 1];

static struct fixture *open_with(struct capture_config config)
{
	config.by_owner = 1;
	config.owner_lookup = OWNER_LOOKUP_TUPLE;
	return open_fixture(&config);
}

/* Makes the server at 10.0.0.2:80 of the connection from `port` known. */
static void set_owner(struct fixture *fx, uint16_t port, const struct conn_owner *owner)
{
	struct owner_key key = {.tuple = {.local_port = 80, .remote_port = port}};
	const uint8_t local[] = {10, 0, 0, 2}, remote[] = {10, 0, 0, 1};

	memset(key.tuple.local_addr + 10, 0xff, 2);
	memset(key.tuple.remote_addr + 10, 0xff, 2);
	memcpy(key.tuple.local_addr + 12, local, 4);
	memcpy(key.tuple.remote_addr + 12, remote, 4);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(fx->skel->maps.owners), &key, owner, BPF_ANY), 0);
}

static void decide(struct fixture *fx, uint64_t cgroup, uint32_t verdict)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(fx->skel->maps.cgroups), &cgroup, &verdict,
					     BPF_ANY),
			 0);
}

/* Whether a request to that server is copied; that what isn't is counted is checked. */
static bool is_copied(struct fixture *fx, uint16_t port)
{
	struct frame_spec spec = {.sport = port, .dport = 80, .payload = REQUEST};
	uint64_t before = counter(fx, EVENT_CNT_FILTERED);
	unsigned int events = run(fx, tap, &spec, NULL);

	assert_true(events <= 1);
	assert_int_equal(counter(fx, EVENT_CNT_FILTERED) - before, !events);
	return events;
}

static bool copies_owner(struct fixture *fx, const struct conn_owner *owner)
{
	uint16_t port = fresh_port();

	set_owner(fx, port, owner);
	return is_copied(fx, port);
}

/* What isn't known is copied: user space decides. */
static void copies_what_has_no_owner(void **state)
{
	struct fixture *fx = open_with((struct capture_config){
		.filter_pid = 7, .by_uid = 1, .by_cgroup = 1, .follow = 1, .filter_comm = "web"});

	assert_true(is_copied(fx, fresh_port()));
	close_fixture(fx);
}

static void filters_by_process(void **state)
{
	const struct conn_owner web = {{.cgroup_id = 5, .pid = 7, .tid = 8, .comm = "web"}, 33, 0};
	struct conn_owner other = web, long_name = web, child = web;
	struct fixture *fx;

	other.id.pid = 9;
	fx = open_with((struct capture_config){.filter_pid = 7});
	assert_true(copies_owner(fx, &web));
	assert_false(copies_owner(fx, &other));
	close_fixture(fx);

	strcpy(long_name.id.comm, "webserver");
	fx = open_with((struct capture_config){.filter_comm = "web"});
	assert_true(copies_owner(fx, &web));
	assert_false(copies_owner(fx, &long_name));
	close_fixture(fx);

	other.uid = 0;
	fx = open_with((struct capture_config){.by_uid = 1, .filter_uid = 33});
	assert_true(copies_owner(fx, &web));
	assert_false(copies_owner(fx, &other));
	close_fixture(fx);

	/* 0 is a user, too. */
	fx = open_with((struct capture_config){.by_uid = 1, .filter_uid = 0});
	assert_false(copies_owner(fx, &web));
	assert_true(copies_owner(fx, &other));
	close_fixture(fx);

	child.id.pid = 10;
	child.flags = EVENT_OWNER_FOLLOWED;
	fx = open_with((struct capture_config){.filter_pid = 7, .follow = 1});
	assert_true(copies_owner(fx, &child));
	assert_false(copies_owner(fx, &other));
	close_fixture(fx);
}

static void filters_by_cgroup(void **state)
{
	struct conn_owner owner = {.id = {.cgroup_id = 5, .pid = 7, .tid = 7}};
	struct fixture *fx = open_with((struct capture_config){.by_cgroup = 1});

	assert_true(copies_owner(fx, &owner)); /* not decided */
	decide(fx, 5, FILTER_NO);
	decide(fx, 6, FILTER_YES);
	assert_false(copies_owner(fx, &owner));
	owner.id.cgroup_id = 6;
	assert_true(copies_owner(fx, &owner));
	owner.id.cgroup_id = 0; /* a cgroup that could not be told */
	assert_true(copies_owner(fx, &owner));
	close_fixture(fx);
}

/* A verdict stays with its connection until user space says that it has decided anew, or somebody
 * else uses it. */
static void keeps_verdict_for_a_generation(void **state)
{
	struct conn_owner owner = {.id = {.cgroup_id = 5, .pid = 7, .tid = 7}};
	struct fixture *fx = open_with((struct capture_config){.by_cgroup = 1});
	uint16_t port = fresh_port();

	set_owner(fx, port, &owner);
	assert_true(is_copied(fx, port));
	decide(fx, 5, FILTER_NO);
	assert_false(is_copied(fx, port));
	decide(fx, 5, FILTER_YES);
	assert_false(is_copied(fx, port));
	fx->skel->bss->filter_generation++;
	assert_true(is_copied(fx, port));

	decide(fx, 6, FILTER_NO);
	owner.id.cgroup_id = 6;
	set_owner(fx, port, &owner);
	assert_false(is_copied(fx, port));
	owner.id.cgroup_id = 5;
	owner.id.tid = 8;
	set_owner(fx, port, &owner);
	assert_true(is_copied(fx, port));
	close_fixture(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_what_has_no_owner),
		cmocka_unit_test(filters_by_process),
		cmocka_unit_test(filters_by_cgroup),
		cmocka_unit_test(keeps_verdict_for_a_generation),
	};

	return RUN_TESTS(tests);
}

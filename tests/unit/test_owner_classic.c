// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner programs for kernels without BTF (owner_classic.bpf.c): what lands in the `owners` hash,
 * by cookie and by tuple.
 */
#include "owner_rig.h"

static int setup_classic(void **state)
{
	return open_mode(state, OWNER_MODE_CLASSIC, false, FOLLOW_NONE);
}

static int setup_classic_follow(void **state)
{
	return open_mode(state, OWNER_MODE_CLASSIC, false, FOLLOW_MAP);
}

static void test_tuples(void **state)
{
	check_tuples(*state, 0);
}

static void test_cookies(void **state)
{
	struct fixture *f = *state;
	struct reader r = {0};
	struct conn_owner owner;
	struct conn_state st;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(by_cookie(f, p.server, &owner));
	assert_owner(&owner.id, getpid(), r.tid, "reader");
	assert_false(by_cookie(f, p.client, &owner));
	say(p.server);
	hear(p.client);
	assert_true(by_cookie(f, p.client, &owner));
	assert_owner(&owner.id, getpid(), gettid(), own_comm());
	assert_false(get_state(f, p.server, &st));
	close_pair(&p);
}

/* Where the iterator doesn't load, /proc tells of the sockets that were open before. */
static void test_open_before(void **state)
{
	struct fixture *f = *state;
	struct conn_owner owner;
	struct pair p;
	pid_t pid;

	need_mode(f);
	open_pair(&p, AF_INET);
	attach(f);
	assert_true(owner_load_iterate(f->ol));
	assert_true(by_tuple(f, p.client, p.server, 0, &owner));
	assert_owner(&owner.id, getpid(), getpid(), own_comm());
	assert_true(by_tuple(f, p.server, p.client, 0, &owner));
	assert_owner(&owner.id, getpid(), getpid(), own_comm());
	say(p.client);
	pid = in_child(f, &p, child_reads);
	owner_load_iterate(f->ol);
	assert_true(by_tuple(f, p.server, p.client, 0, &owner));
	assert_owner(&owner.id, pid, pid, "worker");
	close_pair(&p);
}

static void test_whose(void **state)
{
	check_whose(*state, 0);
}

int main(void)
{
#define CLASSIC(fn) cmocka_unit_test_setup_teardown(fn, setup_classic, teardown)
	const struct CMUnitTest tests[] = {
		CLASSIC(test_tuples),
		CLASSIC(test_cookies),
		CLASSIC(test_open_before),
		cmocka_unit_test_setup_teardown(test_whose, setup_classic_follow, teardown),
	};

	return cmocka_run_group_tests_name("owner_classic", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner programs at raw tracepoints (owner_raw.bpf.c): what lands in the `owners` hash, by
 * cookie and by tuple, and which files they take this kernel's types from.
 */
#include "owner_rig.h"

#include "diag.h"
#include "live/btf_file.h"

static int setup_any_netns(void **state)
{
	return open_mode(state, OWNER_MODE_RAW, false, FOLLOW_NONE);
}

static int setup_one_netns(void **state)
{
	rig_netns = own_netns();
	return open_mode(state, OWNER_MODE_RAW, false, FOLLOW_NONE);
}

static int setup_follow(void **state)
{
	rig_netns = own_netns();
	return open_mode(state, OWNER_MODE_RAW, false, FOLLOW_MAP);
}

static int teardown_raw(void **state)
{
	rig_netns = 0;
	return teardown(state);
}

static void test_tuples(void **state)
{
	check_tuples(*state, own_netns());
}

static void test_whose(void **state)
{
	check_whose(*state, own_netns());
}

/* By tuple as long as nobody has asked for the socket's cookie: then by that, too. A tracer that
 * runs beside this asks for all of them. */
static void test_cookies(void **state)
{
	struct fixture *f = *state;
	struct reader r = {0};
	struct conn_owner owner;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	r.fd = p.server;
	read_elsewhere(&r);
	if (!by_tuple(f, p.server, p.client, 0, &owner) && by_cookie(f, p.server, &owner)) {
		print_message("another tracer has made the cookie\n");
		close_pair(&p);
		skip();
	}
	assert_true(by_tuple(f, p.server, p.client, 0, &owner));
	assert_owner(&owner.id, getpid(), r.tid, "reader");
	assert_int_equal(owner.vpid, getpid());
	assert_false(by_cookie(f, p.server, &owner)); /* asks for it */
	say(p.client);
	read_elsewhere(&r);
	assert_true(by_cookie(f, p.server, &owner));
	assert_owner(&owner.id, getpid(), r.tid, "reader");
	close_pair(&p);
}

/* An entry by tuple goes with its socket. */
static void test_closed(void **state)
{
	struct fixture *f = *state;
	struct owner_key key = {0};
	struct conn_owner owner;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	key.tuple.local_port = port_of(p.client);
	key.tuple.remote_port = port_of(p.listener);
	key.tuple.netns = own_netns();
	memcpy(key.tuple.local_addr, loopback_v4, 16);
	memcpy(key.tuple.remote_addr, loopback_v4, 16);
	assert_true(by_tuple(f, p.client, p.server, own_netns(), &owner));
	close(p.server); /* who closes first waits, in TIME_WAIT */
	close(p.client);
	close(p.listener);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, &owner),
			 -ENOENT);
}

static void test_ipv6(void **state)
{
	static const uint8_t loopback_v6[16] = {[15] = 1};
	struct fixture *f = *state;
	struct owner_key key = {0};
	struct conn_owner owner;
	struct pair p;

	attach(f);
	listen_on(&p, AF_INET6);
	connect_to(&p, AF_INET6);
	accept_one(&p);
	memcpy(key.tuple.local_addr, loopback_v6, 16);
	memcpy(key.tuple.remote_addr, loopback_v6, 16);
	key.tuple.local_port = port_of(p.client);
	key.tuple.remote_port = port_of(p.server);
	key.tuple.netns = own_netns();
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, &owner), 0);
	assert_owner(&owner.id, getpid(), gettid(), own_comm());
	close_pair(&p);
}

static void test_files(void **state)
{
	struct diag d = {0};

	assert_int_equal(btf_file_check("/no/such/file", &d), -ENOENT);
	assert_int_equal(d.status, EXIT_USAGE);
	assert_non_null(strstr(d.text, "No such file"));
	memset(&d, 0, sizeof(d));
	assert_true(btf_file_check("/proc/self/exe", &d) < 0); /* ELF without it */
	assert_int_equal(d.status, EXIT_USAGE);
	assert_non_null(strstr(d.text, "is no BTF"));
	if (access(BTF_OF_KERNEL, R_OK))
		skip();
	memset(&d, 0, sizeof(d));
	assert_int_equal(btf_file_check(BTF_OF_KERNEL, &d), 0);
	assert_string_equal(d.text, "");
	assert_true(btf_file_fits(BTF_OF_KERNEL));
}

int main(void)
{
#define RAW(fn, setup) cmocka_unit_test_setup_teardown(fn, setup, teardown_raw)
	const struct CMUnitTest tests[] = {
		RAW(test_tuples, setup_one_netns),  RAW(test_whose, setup_follow),
		RAW(test_cookies, setup_any_netns), RAW(test_closed, setup_one_netns),
		RAW(test_ipv6, setup_one_netns),    cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("owner_raw", tests, NULL, NULL);
}

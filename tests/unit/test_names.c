// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache of names and its helper thread: what is there at once, what comes, what stays. Whether
 * both threads keep apart is for checks/threads.sh, which runs this under ThreadSanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fixture_root.h"
#include "owner/names.h"

#define A   "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define A2  "0a1b2c3d000000000000000000000000000000000000000000000000000000ff"
#define UID "4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3"

static void put_docker(struct fixture_root *f, const char *id, const char *name)
{
	char path[200], text[300];

	snprintf(path, sizeof(path), "var/lib/docker/containers/%s/config.v2.json", id);
	snprintf(text, sizeof(text), "{\"Config\":{\"Image\":\"img\"},\"Name\":\"/%s\"}", name);
	fixture_put(f, path, text);
}

static struct owner_names get(struct names *ns, uint64_t id, const char *path)
{
	struct owner_names out = {0};

	names_get(ns, id, path, &out);
	return out;
}

/* Asks until the container has a name; the helper has as long as it likes. */
static struct owner_names get_named(struct names *ns, uint64_t id, const char *path)
{
	struct owner_names out = get(ns, id, path);

	for (int left = 2000; !out.container_name && left; left--) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		out = get(ns, id, path);
	}
	assert_non_null(out.container_name);
	return out;
}

static void same(const char *got, const char *want)
{
	if (!want) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void test_path_says_it(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;

	n = get(ns, 5, "/system.slice/nginx.service");
	same(n.unit, "nginx.service");
	same(n.container_id, NULL);
	same(n.runtime, NULL);
	n = get(ns, 6, "/lxc.payload.c1");
	same(n.container_name, "c1");
	same(n.runtime, "lxc");
	names_free(ns);
	names_free(NULL);
}

static void test_state_files_say_more(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;

	put_docker(f, A, "web");
	names_learn(ns, 5, "/docker/" A);
	n = get_named(ns, 5, "/docker/" A);
	same(n.container_id, A);
	same(n.container_name, "web");
	same(n.runtime, "docker");
	same(n.image, "img");
	same(n.pod, NULL);
	/* The state files go, and then others come: what is known of this cgroup stays. */
	fixture_remove(f, "var");
	n = get(ns, 5, "/docker/" A);
	same(n.container_name, "web");
	put_docker(f, A, "other");
	n = get(ns, 5, "/docker/" A);
	same(n.container_name, "web");
	/* Another cgroup of that path is asked for anew. */
	n = get_named(ns, 6, "/docker/" A);
	same(n.container_name, "other");
	names_free(ns);
}

/* State that is written after the first look is found by a later one. */
static void test_late_state(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;

	n = get(ns, 5, "/docker/" A);
	same(n.container_id, A);
	same(n.container_name, NULL);
	same(n.runtime, "docker");
	put_docker(f, A, "late");
	n = get_named(ns, 5, "/docker/" A);
	same(n.container_name, "late");
	names_free(ns);
}

/* Of a pod that has only its log folder, the pod's name comes; what a later look lacks, stays. */
static void test_part_of_it(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;
	int left = 2000;

	fixture_put(f, "var/log/pods/shop_web-0_" UID "/web/0.log", "");
	do {
		n = get(ns, 0, "/kubepods/burstable/pod" UID);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	} while (!n.pod && --left);
	same(n.pod_uid, UID);
	same(n.pod, "web-0");
	same(n.pod_namespace, "shop");
	same(n.container_name, NULL);
	names_free(ns);
}

/* Without an id the path is the key; paths that clash with nothing, and the same one again. */
static void test_keyed_by_path(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;

	put_docker(f, A, "one");
	put_docker(f, A2, "two");
	n = get_named(ns, 0, "/docker/" A);
	same(n.container_name, "one");
	n = get_named(ns, 0, "/docker/" A2);
	same(n.container_name, "two");
	n = get(ns, 0, "/docker/" A);
	same(n.container_name, "one");
	names_free(ns);
}

/* More cgroups than there is room for, all at once and with jobs under way: the oldest go. */
static void test_many(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n;
	char path[128];

	put_docker(f, A, "web");
	for (uint64_t id = 1; id <= 20000; id++) {
		snprintf(path, sizeof(path), "/docker/%064llx", (unsigned long long)id);
		names_learn(ns, id, path);
	}
	n = get_named(ns, 20001, "/docker/" A);
	same(n.container_name, "web");
	names_free(ns);

	/* Ended with jobs under way. */
	for (int i = 0; i < 20; i++) {
		ns = names_new(f->dir);
		for (uint64_t id = 1; id <= 50; id++)
			names_learn(ns, id, "/docker/" A);
		names_free(ns);
	}
}

static void test_no_root(void **state)
{
	struct names *ns = names_new("/nowhere/at/all");
	struct owner_names n = get(ns, 1, "/docker/" A);

	same(n.container_id, A);
	same(n.container_name, NULL);
	names_free(ns);
}

static void test_what_users_call_it(void **state)
{
	const struct owner_names pod = {.pod = "web-0", .pod_namespace = "shop"};
	const struct owner_names unit = {.unit = "nginx.service"}, none = {0};

	assert_true(names_is_pod(&pod, "web-0"));
	assert_true(names_is_pod(&pod, "shop/web-0"));
	assert_false(names_is_pod(&pod, "sho/web-0"));
	assert_false(names_is_pod(&pod, "/web-0"));
	assert_false(names_is_pod(&pod, "web"));
	assert_false(names_is_pod(&none, "web-0"));
	assert_true(names_is_unit(&unit, "nginx.service"));
	assert_true(names_is_unit(&unit, "nginx"));
	assert_false(names_is_unit(&unit, "ngin"));
	assert_false(names_is_unit(&unit, ""));
	assert_false(names_is_unit(&none, "nginx"));
}

/* Without waiting: what the path says at once, the rest when it has come. */
static void test_peek(void **state)
{
	struct fixture_root *f = *state;
	struct names *ns = names_new(f->dir);
	struct owner_names n = {0};

	names_peek(ns, 1, "/system.slice/nginx.service", &n);
	assert_int_equal(n.state, NAMES_COMPLETE);
	same(n.unit, "nginx.service");

	memset(&n, 0, sizeof(n));
	names_peek(ns, 2, "/docker/" A, &n);
	same(n.container_id, A);
	for (int left = 2000; n.state == NAMES_ASKED && left; left--) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		names_peek(ns, 2, "/docker/" A, &n);
	}
	assert_int_equal(n.state, NAMES_SOON);
	same(n.container_name, NULL);
	put_docker(f, A, "web");
	for (int left = 2000; n.state != NAMES_COMPLETE && left; left--) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		names_peek(ns, 2, "/docker/" A, &n);
	}
	same(n.container_name, "web");
	names_free(ns);

	/* Nobody will ever come. */
	ns = names_new("/nowhere/at/all");
	memset(&n, 0, sizeof(n));
	names_peek(ns, 2, "/docker/" A, &n);
	assert_int_equal(n.state, NAMES_COMPLETE);
	names_free(ns);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_path_says_it),  TEST(test_state_files_say_more),
		TEST(test_late_state),	  TEST(test_part_of_it),
		TEST(test_keyed_by_path), TEST(test_many),
		TEST(test_no_root),	  cmocka_unit_test(test_what_users_call_it),
		TEST(test_peek),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

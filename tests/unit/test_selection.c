// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selection.h"

#define ID_A "aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111"
#define ID_B "aaaa2222aaaa2222aaaa2222aaaa2222aaaa2222aaaa2222aaaa2222aaaa2222"
#define ID_C "cccc3333cccc3333cccc3333cccc3333cccc3333cccc3333cccc3333cccc3333"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct owner_names container(const char *id, const char *name)
{
	return (struct owner_names){
		.cgroup_path = "/docker/x", .container_id = id, .container_name = name};
}

static struct owner_names at(const char *path)
{
	return (struct owner_names){.cgroup_path = path};
}

static struct selection *start(const struct selection_query *q)
{
	struct selection *sel = selection_new(q);
	struct diag d = {0};

	assert_non_null(sel);
	assert_int_equal(selection_start(sel, &d), 0);
	return sel;
}

static enum selection_verdict ask(struct selection *sel, struct owner_names n)
{
	return selection_judge(sel, &n);
}

static void test_container_by_name_and_digits(void **state)
{
	const struct {
		const char *wanted;
		enum selection_verdict a, c;
	} cases[] = {
		{"web", SELECTION_YES, SELECTION_NO},	{"we", SELECTION_NO, SELECTION_NO},
		{"webb", SELECTION_NO, SELECTION_NO},	{ID_A, SELECTION_YES, SELECTION_NO},
		{"aaaa", SELECTION_YES, SELECTION_NO},	{"aaaa1", SELECTION_YES, SELECTION_NO},
		{"aaa", SELECTION_NO, SELECTION_NO}, /* less than four digits */
		{"AAAA", SELECTION_NO, SELECTION_NO},	{ID_A "0", SELECTION_NO, SELECTION_NO},
		{"cccc3", SELECTION_NO, SELECTION_YES},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct selection_query q = {.containers = LIST(cases[i].wanted)};
		struct selection *sel = start(&q);

		assert_int_equal(ask(sel, container(ID_A, "web")), cases[i].a);
		assert_int_equal(ask(sel, container(ID_C, NULL)), cases[i].c);
		assert_int_equal(ask(sel, at("/a")), SELECTION_NO);
		assert_true(selection_needs_names(sel));
		selection_free(sel);
	}
}

static void test_ambiguous_digits(void **state)
{
	const struct selection_query q = {.containers = LIST("web", "aaaa")};
	struct owner_names a = container(ID_A, "web"), b = container(ID_B, "bad\033[1m"),
			   again = container(ID_A, "web");
	struct selection *sel = selection_new(&q);
	struct diag d = {0};

	again.cgroup_path = "/docker/x/below";
	selection_meet(sel, &a);
	selection_meet(sel, &again);
	selection_meet(sel, &b);
	assert_int_equal(selection_start(sel, &d), -EINVAL);
	assert_int_equal(d.status, EXIT_USAGE);
	assert_non_null(strstr(d.text, "-c aaaa is ambiguous"));
	assert_non_null(strstr(d.text, "aaaa1111aaaa1111 (web)"));
	assert_non_null(strstr(d.text, "aaaa2222aaaa2222;"));
	assert_null(strchr(d.text, '\033'));
	selection_free(sel);
}

/* The cgroups of one container are no two containers. */
static void test_one_container_with_several_cgroups(void **state)
{
	const struct selection_query q = {.containers = LIST("aaaa")};
	struct owner_names a = container(ID_A, "web"), b = container(ID_A, NULL);
	struct selection *sel = selection_new(&q);
	struct diag d = {0};
	char what[64];

	selection_meet(sel, &a);
	selection_meet(sel, &b);
	assert_int_equal(selection_start(sel, &d), 0);
	assert_false(selection_missing(sel, 0, what, sizeof(what)));
	assert_int_equal(ask(sel, container(ID_A, NULL)), SELECTION_YES);
	/* One that comes later has the same digits and is another. */
	assert_int_equal(ask(sel, container(ID_B, NULL)), SELECTION_NO);
	selection_free(sel);
}

/* A name goes before ids that begin so; several may have it: they are what was asked for. */
static void test_name_before_digits(void **state)
{
	const struct selection_query q = {.containers = LIST("aaaa")};
	struct owner_names a = container(ID_A, "web"), b = container(ID_B, "db"),
			   c = container(ID_C, "aaaa");
	struct selection *sel = selection_new(&q);
	struct diag d = {0};

	selection_meet(sel, &a);
	selection_meet(sel, &b);
	selection_meet(sel, &c);
	assert_int_equal(selection_start(sel, &d), 0);
	assert_int_equal(ask(sel, a), SELECTION_NO);
	assert_int_equal(ask(sel, c), SELECTION_YES);
	assert_int_equal(ask(sel, container(ID_B, "aaaa")), SELECTION_YES);
	selection_free(sel);
}

/* What isn't there at the start is waited for. */
static void test_late_names(void **state)
{
	const struct selection_query q = {.containers = LIST("web"), .pods = LIST("shop/web-0")};
	struct selection *sel = start(&q);
	struct owner_names n = container(ID_A, NULL);
	char what[64];

	assert_true(selection_missing(sel, 0, what, sizeof(what)));
	assert_string_equal(what, "container web");
	assert_true(selection_missing(sel, 1, what, sizeof(what)));
	assert_string_equal(what, "pod shop/web-0");
	assert_false(selection_missing(sel, 2, what, sizeof(what)));

	n.state = NAMES_ASKED;
	assert_int_equal(ask(sel, n), SELECTION_UNDECIDED);
	n.state = NAMES_SOON;
	n.container_name = "web";
	assert_int_equal(ask(sel, n), SELECTION_UNDECIDED);
	n.state = NAMES_LATE;
	assert_int_equal(ask(sel, n), SELECTION_NO);
	n.pod = "web-0";
	n.pod_namespace = "shop";
	assert_int_equal(ask(sel, n), SELECTION_YES);
	assert_false(selection_missing(sel, 0, what, sizeof(what)));
	n.pod_namespace = "other";
	n.state = NAMES_COMPLETE;
	assert_int_equal(ask(sel, n), SELECTION_NO);
	selection_free(sel);
}

static void test_pods_and_units(void **state)
{
	const struct selection_query pods = {.pods = LIST("web-0", "shop/db")};
	const struct selection_query units = {.units = LIST("nginx", "a.scope")};
	struct selection *sel = start(&pods);
	struct owner_names n = {.cgroup_path = "/x", .pod = "web-0", .pod_namespace = "any"};

	assert_int_equal(ask(sel, n), SELECTION_YES);
	n.pod = "db";
	assert_int_equal(ask(sel, n), SELECTION_NO);
	n.pod_namespace = "shop";
	assert_int_equal(ask(sel, n), SELECTION_YES);
	selection_free(sel);

	sel = start(&units);
	assert_false(selection_needs_names(sel));
	n = (struct owner_names){.cgroup_path = "/x", .unit = "nginx.service"};
	assert_int_equal(ask(sel, n), SELECTION_YES);
	n.unit = "a.scope";
	assert_int_equal(ask(sel, n), SELECTION_YES);
	n.unit = "nginx.scope";
	n.state = NAMES_ASKED; /* which a unit doesn't depend on */
	assert_int_equal(ask(sel, n), SELECTION_NO);
	selection_free(sel);
}

static void test_paths(void **state)
{
	const struct {
		const char *pattern, *path;
		bool yes;
	} cases[] = {
		{"/a/b", "/a/b", true},
		{"/a/b", "/a/b/c/d", true},
		{"/a/b/", "/a/b/c", true},
		{"/a/b", "/a/bc", false},
		{"/a/b", "/a", false},
		{"/", "/a", true},
		{"/", "/", true},
		{"/a/*", "/a/b", true},
		{"/a/*", "/a/b/c/d", true},
		{"/a/*", "/a", false},
		{"/*/b", "/x/b", true},
		{"/*/b", "/x/y/b", false}, /* no level is skipped */
		{"/a/web-?", "/a/web-1/x", true},
		{"/a/web-?", "/a/web-12", false},
		{"/a/web-[0-9]*", "/a/web-12", true},
		{"/a/x\\x2d1.scope", "/a/x\\x2d1.scope/y", true}, /* as systemd writes '-' */
		{"/a/x\\x2d*", "/a/xx2d1", true},		  /* in a glob it escapes */
		{"/a/[b]", "/a/[b]/c", true},			  /* literally, too */
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct selection_query q = {.cgroups = LIST(cases[i].pattern)};
		struct selection *sel = start(&q);
		bool yes = ask(sel, at(cases[i].path)) == SELECTION_YES;

		if (yes != cases[i].yes)
			fail_msg("%s, %s: %d", cases[i].pattern, cases[i].path, yes);
		assert_int_equal(ask(sel, at(NULL)), SELECTION_NO);
		selection_free(sel);
	}
}

/* Of one option any, of different ones all. */
static void test_together(void **state)
{
	const struct selection_query q = {.containers = LIST("web", "db"),
					  .cgroups = LIST("/docker", "/other")};
	struct selection *sel = start(&q);
	struct owner_names n = container(ID_A, "db");

	assert_int_equal(ask(sel, n), SELECTION_YES);
	n.cgroup_path = "/else";
	assert_int_equal(ask(sel, n), SELECTION_NO);
	n.cgroup_path = "/other/x";
	assert_int_equal(ask(sel, n), SELECTION_YES);
	n.container_name = "x";
	assert_int_equal(ask(sel, n), SELECTION_NO);
	selection_free(sel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_by_name_and_digits),
		cmocka_unit_test(test_ambiguous_digits),
		cmocka_unit_test(test_one_container_with_several_cgroups),
		cmocka_unit_test(test_name_before_digits),
		cmocka_unit_test(test_late_names),
		cmocka_unit_test(test_pods_and_units),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}

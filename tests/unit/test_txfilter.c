// SPDX-License-Identifier: GPL-2.0-only
/* Which transactions are shown; who a thread is; who descends from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include <cmocka.h>

#include "owner/descent.h"
#include "owner/identity.h"
#include "owner/procfs.h"
#include "txfilter.h"

#define NOBODY 4194303 /* a pid that no process has: the kernel's limit is one less */

static const struct transaction served = {
	.side = SIDE_SERVER,
	.client = {.port = 40000},
	.server = {.port = 80},
	.owner = {.pid = 7, .tid = 8, .comm = "web"},
};

static void test_each(void **state)
{
	const struct transaction unknown = {.side = SIDE_SERVER};
	const struct identity root = {.has_uid = true}, none = {0},
			      child = {.has_uid = true, .uid = 33, .followed = true};
	const struct {
		struct txfilter f;
		const struct transaction *tx;
		const struct identity *id;
		bool selected, shown;
	} cases[] = {
		{{0}, &served, &root, false, true},
		{{0}, &unknown, &none, false, true},
		{{.pid = 7}, &served, &root, false, true},
		{{.pid = 9}, &served, &root, false, false},
		{{.pid = 9}, &served, &child, false, false}, /* without --follow */
		{{.pid = 9, .follow = true}, &served, &child, false, true},
		{{.pid = 7, .follow = true}, &served, &root, false, true},
		{{.pid = 9, .follow = true}, &served, &root, false, false},
		{{.pid = 9}, &unknown, &none, false, false},
		{{.by_uid = true}, &served, &root, false, true},
		{{.by_uid = true}, &served, &child, false, false},
		{{.by_uid = true, .uid = 33}, &served, &child, false, true},
		{{.by_uid = true}, &served, &none, false, false}, /* not known is not root */
		{{.by_uid = true}, &unknown, &root, false, false},
		{{.comm = "web"}, &served, &root, false, true},
		{{.comm = "we"}, &served, &root, false, false},
		{{.by_cgroup = true}, &served, &root, true, true},
		{{.by_cgroup = true}, &served, &root, false, false},
		{{.by_cgroup = true, .pid = 9}, &served, &root, true, false},
		{{.port = 80}, &served, &root, false, true},
		{{.port = 40000}, &served, &root, false, true},
		{{.port = 81}, &served, &root, false, false},
		{{.side = SIDE_SERVER}, &served, &root, false, true},
		{{.side = SIDE_CLIENT}, &served, &root, false, false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (txfilter_match(&cases[i].f, cases[i].tx, cases[i].id, cases[i].selected) !=
		    cases[i].shown)
			fail_msg("case %zu", i);
}

/* A process of two generations that waits until its input ends. */
static pid_t start_family(int *in, pid_t *grandchild)
{
	int hold[2], tell[2];
	pid_t pid, inner;
	char c;

	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (!pid) {
		close(hold[1]);
		inner = fork();
		if (inner && write(tell[1], &inner, sizeof(inner)) != sizeof(inner))
			_exit(1);
		_exit(read(hold[0], &c, 1) != 0 || (inner && waitpid(inner, NULL, 0) != inner));
	}
	assert_int_equal(read(tell[0], grandchild, sizeof(*grandchild)), sizeof(*grandchild));
	close(tell[0]);
	close(tell[1]);
	close(hold[0]);
	*in = hold[1];
	return pid;
}

static void test_descent(void **state)
{
	pid_t child, grandchild;
	struct descent *ds, *of_child;
	int in;

	child = start_family(&in, &grandchild);
	ds = descent_new(getpid());
	of_child = descent_new(child);
	assert_int_equal(procfs_parent(grandchild), child);
	assert_true(descent_has(ds, getpid()));
	assert_true(descent_has(ds, grandchild));
	assert_true(descent_has(ds, child));
	assert_false(descent_has(ds, 1));
	assert_false(descent_has(ds, 0));
	assert_false(descent_has(ds, NOBODY));
	assert_true(descent_has(of_child, grandchild));
	assert_false(descent_has(of_child, getpid()));
	close(in);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* What was known stays, and those that are gone are gone. */
	assert_true(descent_has(ds, grandchild));
	assert_true(descent_has(of_child, child));
	descent_free(of_child);
	of_child = descent_new(child);
	assert_false(descent_has(of_child, grandchild));
	descent_free(of_child);
	descent_free(ds);
}

static void test_identity(void **state)
{
	const struct owner thread = {.pid = NOBODY, .tid = NOBODY}, self = {.pid = getpid()};
	struct identities *ids = identities_new(0, true);
	struct identity id;

	identities_note(ids, &thread, 33, true);
	id = identities_get(ids, &thread);
	assert_true(id.has_uid && id.uid == 33 && id.followed);
	/* The pid is used again. */
	identities_note(ids, &thread, 0xfffffffe, false);
	id = identities_get(ids, &thread);
	assert_true(id.has_uid && id.uid == 0xfffffffe && !id.followed);
	/* Who was not told is looked for. */
	id = identities_get(ids, &self);
	assert_true(id.has_uid && id.uid == geteuid() && !id.followed);
	identities_free(ids);

	/* Where the kernel says it of everybody, /proc is asked. */
	ids = identities_new(getpid(), false);
	identities_note(ids, &thread, 33, true);
	assert_false(identities_get(ids, &thread).followed);
	identities_note(ids, &self, 33, false);
	assert_true(identities_get(ids, &self).followed);
	identities_free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_descent),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests_name("txfilter", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel is told of real cgroups, which are made below the cgroup2 root under a name of
 * this process and removed. Needs root.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "cgfilter.h"
#include "owner/cgroup2.h"

#define IDS_MAX 1024

struct fixture {
	struct cgroup2 cg;
	struct owner_cache *oc;
	struct selection *sel;
	struct cgfilter *cf;
	char top[64]; /* from the root, without the slash */
	char glob[80];
	struct told {
		uint64_t id;
		enum selection_verdict verdict;
	} told[IDS_MAX];
	unsigned int cnt;
	uint64_t now_ns;
};

static void on_tell(void *ctx, uint64_t id, enum selection_verdict verdict)
{
	struct fixture *f = ctx;

	assert_true(f->cnt < IDS_MAX);
	f->told[f->cnt++] = (struct told){id, verdict};
}

/* What was told last. */
static enum selection_verdict told(const struct fixture *f, uint64_t id)
{
	unsigned int i = f->cnt;

	while (i--)
		if (f->told[i].id == id)
			return f->told[i].verdict;
	return SELECTION_UNDECIDED;
}

static void update(struct fixture *f)
{
	f->now_ns += 50000000;
	cgfilter_update(f->cf, f->now_ns, on_tell, f);
}

static uint64_t make(struct fixture *f, const char *tail)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", f->top, tail);
	if (mkdirat(f->cg.fd, path, 0755))
		return 0;
	return cgroup2_id(&f->cg, path);
}

static void drop(struct fixture *f, const char *tail)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", f->top, tail);
	unlinkat(f->cg.fd, path, AT_REMOVEDIR);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	cgroup2_open(&f->cg);
	snprintf(f->top, sizeof(f->top), "httplat-test-filter-%d", getpid());
	f->now_ns = 1;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cgfilter_free(f->cf);
	selection_free(f->sel);
	owner_cache_free(f->oc);
	drop(f, "/b/c");
	drop(f, "/b");
	drop(f, "/a");
	drop(f, "");
	cgroup2_close(&f->cg);
	free(f);
	return 0;
}

/* Asks for top/b* and what is below. */
static void start(struct fixture *f)
{
	const char *const globs[] = {f->glob, NULL};
	const struct selection_query q = {.cgroups = globs};
	struct diag d = {0};

	snprintf(f->glob, sizeof(f->glob), "/%s/b*", f->top);
	f->oc = owner_cache_new("");
	f->sel = selection_new(&q);
	f->cf = cgfilter_new(f->sel, f->oc);
	assert_non_null(f->cf);
	assert_int_equal(cgfilter_start(f->cf, &d), 0);
}

static void test_tree(void **state)
{
	struct fixture *f = *state;
	uint64_t top = make(f, ""), a, b, c;

	if (!top) {
		print_message("cannot make a cgroup\n");
		skip();
	}
	a = make(f, "/a");
	start(f);
	update(f);
	assert_int_equal(told(f, top), SELECTION_NO);
	assert_int_equal(told(f, a), SELECTION_NO);
	if (cgroup2_is_hybrid())
		assert_int_equal(told(f, cgroup2_id(&f->cg, "/")), SELECTION_UNDECIDED);
	f->cnt = 0;
	update(f);
	assert_int_equal(f->cnt, 0); /* nothing is told twice */

	b = make(f, "/b");
	c = make(f, "/b/c");
	for (int left = 2000; left && told(f, c) != SELECTION_YES; left--) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		update(f);
	}
	assert_int_equal(told(f, b), SELECTION_YES);
	assert_int_equal(told(f, c), SELECTION_YES);
}

/* A segment names a cgroup that nobody has seen, or ever will. */
static void test_unknown(void **state)
{
	const uint64_t id = UINT64_C(1) << 60;
	struct fixture *f = *state;

	start(f);
	cgfilter_meet(f->cf, 0);
	cgfilter_meet(f->cf, id);
	cgfilter_meet(f->cf, id);
	update(f);
	assert_int_equal(told(f, id), SELECTION_UNDECIDED); /* it may be new */
	f->now_ns += UINT64_C(2000000000);
	f->cnt = 0;
	update(f);
	assert_int_equal(told(f, id), SELECTION_NO);
	update(f);
	assert_int_equal(told(f, 0), SELECTION_UNDECIDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
	};

	return cmocka_run_group_tests_name("cgfilter", tests, NULL, NULL);
}

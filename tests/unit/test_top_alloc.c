// SPDX-License-Identifier: GPL-2.0-only
/*
 * The n-th allocation fails, for every n, over a session of `top`: no crash, no leak (AddressSanitizer looks), and
 * what follows works. The linker puts the functions below in place of libc's (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/top_ui.h"

static unsigned long alloc_cnt, fail_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : __real_realloc(ptr, size);
}

char *__wrap_strdup(const char *s)
{
	return ++alloc_cnt == fail_at ? NULL : __real_strdup(s);
}

static void add(struct top_model *m, const char *target, uint64_t at_ns)
{
	struct transaction tx = {
		.side = SIDE_SERVER,
		.method = {"GET", 3},
		.target = {target, (uint32_t)strlen(target)},
		.status = 200,
		.owner = {.pid = 7, .comm = "web"},
		.req = {.seen = true, .complete = true, .first_ns = at_ns, .last_ns = at_ns},
		.resp = {.seen = true,
			 .complete = true,
			 .first_ns = at_ns + 9,
			 .last_ns = at_ns + 9},
		.has_latency = true,
		.latency_ns = 9,
	};
	struct view v = {0};

	if (!view_make(&v, &tx, NULL, 0, true))
		top_model_add(m, &v);
	view_free(&v);
}

static void press(struct top_ui *ui, const unsigned int *keys)
{
	for (; *keys; keys++) {
		top_ui_key(ui, *keys);
		top_ui_draw(ui, 80, 24);
	}
}

static void session(void)
{
	static const unsigned int keys[] = {TOP_KEY_DOWN,
					    'p',
					    'p',
					    TOP_KEY_ENTER,
					    TOP_KEY_DOWN,
					    TOP_KEY_ENTER,
					    TOP_KEY_ESCAPE,
					    TOP_KEY_ESCAPE,
					    '/',
					    'b',
					    TOP_KEY_ENTER,
					    TOP_KEY_ESCAPE,
					    'g',
					    TOP_KEY_DOWN,
					    ' ',
					    TOP_KEY_UP,
					    ' ',
					    TOP_KEY_ENTER,
					    't',
					    TOP_KEY_DOWN,
					    TOP_KEY_ENTER,
					    '>',
					    'r',
					    '?',
					    TOP_KEY_ESCAPE,
					    TOP_KEY_ENTER,
					    TOP_KEY_ENTER,
					    0};
	static const unsigned int again[] = {TOP_KEY_ESCAPE, TOP_KEY_ESCAPE, 'z', TOP_KEY_ENTER, 0};
	const struct stats_options opt = {.by = {STATS_ROUTE}, .by_cnt = 1};
	const struct counters cnt = {0};
	struct top_status status = {.source = "here", .live = true, .owners = true, .cnt = &cnt};
	struct top_model *m = top_model_new(&opt, true, 1 << 20);
	struct top_ui *ui = m ? top_ui_new(m) : NULL;

	if (ui) {
		top_model_start(m, 1);
		add(m, "/a?token=1", 2);
		add(m, "/b", 20);
		add(m, "/b", 30);
		top_model_tick(m, 40);
		top_ui_status(ui, &status, true);
		top_ui_draw(ui, 80, 24);
		press(ui, keys);
		add(m, "/c", 50);
		top_ui_status(ui, &status, true);
		press(ui, again);
	}
	top_ui_free(ui);
	top_model_free(m);
}

static void test_every_allocation(void **state)
{
	unsigned long all;

	alloc_cnt = fail_at = 0;
	session();
	all = alloc_cnt;
	assert_in_range(all, 50, 100000);
	for (unsigned long n = 1; n <= all; n++) {
		alloc_cnt = 0;
		fail_at = n;
		session();
	}
	fail_at = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};

	return cmocka_run_group_tests_name("top_alloc", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* `httplat top` without a terminal: what is counted, held and forgotten; and its pages, at every size. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "report/cell.h"
#include "report/escape.h"
#include "report/top_model.h"
#include "report/top_ui.h"

#define SEC    UINT64_C(1000000000)
#define MSEC   UINT64_C(1000000)
#define S(str) ((struct slice){str, (uint32_t)strlen(str)})

/* One request of a test. */
struct req {
	const char *target;
	uint64_t ms; /* 0: no response */
	uint16_t status;
	uint32_t pid;
	enum tx_side side;
};

static uint64_t clock_ns = 5 * SEC;

/* A second after the one before. */
static void add(struct top_model *m, struct req r)
{
	struct http_header host = {S("host"), S("shop")};
	struct transaction tx = {
		.side = r.side ? r.side : SIDE_SERVER,
		.method = S("GET"),
		.target = S(r.target),
		.status = r.status ? r.status
			  : r.ms   ? 200
				   : 0,
		.owner = {.pid = r.pid ? r.pid : 7, .comm = "web"},
		.client = {{[10] = 0xff, 0xff, 10, 0, 0, 1}, 40000},
		.server = {{[10] = 0xff, 0xff, 10, 0, 0, 2}, 80},
		.req = {.seen = true,
			.complete = true,
			.size = 10 + r.pid,
			.first_ns = clock_ns,
			.last_ns = clock_ns,
			.headers = &host,
			.header_cnt = 1},
		.flags = r.ms ? 0 : TX_NO_RESPONSE,
		.has_latency = r.ms,
		.latency_ns = r.ms * MSEC,
		.total_ns = r.ms * MSEC,
		.has_ttfb = r.ms,
		.ttfb_ns = r.ms * MSEC / 2,
	};
	struct view v = {0};

	if (r.ms)
		tx.resp = (struct message){.seen = true,
					   .complete = true,
					   .size = 100 * r.ms,
					   .first_ns = clock_ns + r.ms * MSEC,
					   .last_ns = clock_ns + r.ms * MSEC};
	assert_int_equal(view_make(&v, &tx, NULL, 0, true), 0);
	assert_int_equal(top_model_add(m, &v), 0);
	view_free(&v);
	clock_ns += SEC;
}

static struct stats_options by(enum stats_key key)
{
	return (struct stats_options){.by = {key}, .by_cnt = 1};
}

static struct top_model *open_by(enum stats_key key, bool live)
{
	struct stats_options opt = by(key);
	struct top_model *m = top_model_new(&opt, live, TOP_MODEL_BYTES);

	assert_non_null(m);
	if (live)
		top_model_start(m, clock_ns);
	return m;
}

/* The second values of the rows, with blanks between. */
static void expect_rows(const struct top_model *m, const char *want)
{
	size_t cnt, all, i;
	const struct stats_group *const *rows = top_model_rows(m, &cnt, &all);
	char got[256] = "";

	for (i = 0; i < cnt; i++) {
		strcat(got, i ? " " : "");
		strcat(got, rows[i]->value[1]);
	}
	assert_string_equal(got, want);
}

static const struct stats_group *row(const struct top_model *m, size_t i)
{
	size_t cnt, all;
	const struct stats_group *const *rows = top_model_rows(m, &cnt, &all);

	assert_in_range(i, 0, cnt - 1);
	return rows[i];
}

/* Each column in both directions; of equal ones the names decide, whatever the direction. */
static void test_sort(void **state)
{
	static const struct {
		enum stats_sort by;
		const char *down, *up;
	} cases[] = {
		{STATS_BY_COUNT, "/b /a /c", "/c /a /b"}, {STATS_BY_ERRORS, "/a /b /c", "/b /c /a"},
		{STATS_BY_P50, "/c /a /b", "/b /a /c"},	  {STATS_BY_P90, "/c /a /b", "/b /a /c"},
		{STATS_BY_P99, "/c /a /b", "/b /a /c"},	  {STATS_BY_P999, "/c /a /b", "/b /a /c"},
		{STATS_BY_MAX, "/c /a /b", "/b /a /c"},	  {STATS_BY_MEAN, "/c /a /b", "/b /a /c"},
		{STATS_BY_BYTES, "/c /a /b", "/b /a /c"}, {STATS_BY_RATE, "/a /c /b", "/b /c /a"},
		{STATS_BY_IN, "/b /a /c", "/c /a /b"},	  {STATS_BY_OUT, "/c /a /b", "/b /a /c"},
		{STATS_BY_KEY, "/a /b /c", "/c /b /a"},
	};
	struct top_model *m = open_by(STATS_PATH, true);
	size_t i;

	for (i = 0; stats_sort_names[i]; i++)
		;
	assert_int_equal(i, sizeof(cases) / sizeof(cases[0]));
	for (i = 0; i < 3; i++)
		add(m, (struct req){"/b", 1});
	top_model_tick(m, clock_ns);
	add(m, (struct req){"/a", 20, 500});
	add(m, (struct req){"/a", 20});
	add(m, (struct req){"/c", 90});
	top_model_tick(m, clock_ns);
	assert_int_equal(top_model_snapshot(m), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		top_model_order(m, cases[i].by, false);
		expect_rows(m, cases[i].down);
		top_model_order(m, cases[i].by, true);
		expect_rows(m, cases[i].up);
	}
	top_model_free(m);
}

static void test_rates(void **state)
{
	struct top_model *m = open_by(STATS_PATH, true);
	const struct stats_group *sides;
	struct stats_options opt = by(STATS_METHOD);
	size_t cnt;

	add(m, (struct req){"/a", 1});
	top_model_tick(m, clock_ns);
	assert_int_equal(top_model_rate_ns(m), SEC);
	add(m, (struct req){"/a", 1});
	add(m, (struct req){"/a", 1});
	top_model_tick(m, clock_ns);
	assert_int_equal(top_model_rate_ns(m), 2 * SEC);
	add(m, (struct req){"/a", 1});
	assert_int_equal(top_model_snapshot(m), 0);
	/* What came since the tick is of the interval that goes on. */
	assert_int_equal(row(m, 0)->count, 4);
	assert_int_equal(row(m, 0)->recent, 2);
	assert_int_equal(top_model_regroup(m, &opt), 0);
	assert_string_equal(row(m, 0)->value[1], "GET");
	assert_int_equal(row(m, 0)->count, 4);
	assert_int_equal(row(m, 0)->recent, 2);
	opt.time = PART_TTFB;
	assert_int_equal(top_model_regroup(m, &opt), 0);
	sides = top_model_sides(m, &cnt);
	assert_int_equal(cnt, 1);
	assert_int_equal(sides[0].recent, 2);
	assert_int_equal(sides[0].max_ns, MSEC / 2);
	top_model_tick(m, clock_ns);
	assert_int_equal(top_model_snapshot(m), 0);
	assert_int_equal(row(m, 0)->recent, 1);
	top_model_free(m);

	/* A file's rates are over all of it. */
	m = open_by(STATS_PATH, false);
	add(m, (struct req){"/a", 1});
	add(m, (struct req){"/a", 1000});
	assert_int_equal(top_model_snapshot(m), 0);
	assert_int_equal(top_model_rate_ns(m), 2 * SEC);
	assert_int_equal(row(m, 0)->recent, 2);
	top_model_free(m);
}

static void test_group(void **state)
{
	struct top_model *m = open_by(STATS_PATH, false);
	struct stats_options opt = {.by = {STATS_PID, STATS_STATUS}, .by_cnt = 2};

	add(m, (struct req){"/1", 1, 200, 8});
	add(m, (struct req){"/2", 1, 200, 8});
	add(m, (struct req){"/2", 1, 404, 9});
	add(m, (struct req){"/2", 1, 404, 9, SIDE_CLIENT});
	assert_int_equal(top_model_snapshot(m), 0);
	expect_rows(m, "/2 /2 /1");
	assert_int_equal(top_model_regroup(m, &opt), 0);
	expect_rows(m, "8 9 9");
	assert_string_equal(row(m, 0)->value[2], "200");
	assert_int_equal(row(m, 0)->count, 2);
	assert_string_equal(row(m, 1)->value[0], "client");
	opt = by(STATS_ROUTE);
	assert_int_equal(top_model_regroup(m, &opt), 0);
	expect_rows(m, "/{id} /{id}");
	assert_int_equal(row(m, 0)->count, 3);
	assert_false(top_model_covers(m).part);
	top_model_free(m);
}

static void test_filter(void **state)
{
	struct top_model *m = open_by(STATS_PATH, false);
	size_t cnt, all;

	add(m, (struct req){"/Cart/x", 1});
	add(m, (struct req){"/shop\x1b", 1});
	add(m, (struct req){"/shop", 1, 200, 7, SIDE_CLIENT});
	assert_int_equal(top_model_snapshot(m), 0);
	assert_int_equal(top_model_filter(m, "cART"), 0);
	expect_rows(m, "/Cart/x");
	/* As it is shown. */
	assert_int_equal(top_model_filter(m, "\\x1B"), 0);
	expect_rows(m, "/shop\x1b");
	assert_int_equal(top_model_filter(m, "client"), 0);
	expect_rows(m, "/shop");
	/* Not across two values. */
	assert_int_equal(top_model_filter(m, "client/"), 0);
	top_model_rows(m, &cnt, &all);
	assert_int_equal(cnt, 0);
	assert_int_equal(all, 3);
	/* It holds for what comes, too. */
	assert_int_equal(top_model_filter(m, "shop"), 0);
	add(m, (struct req){"/workshop", 1});
	assert_int_equal(top_model_snapshot(m), 0);
	top_model_order(m, STATS_BY_KEY, true);
	expect_rows(m, "/workshop /shop\x1b /shop");
	assert_int_equal(top_model_filter(m, ""), 0);
	top_model_rows(m, &cnt, &all);
	assert_int_equal(cnt, 4);
	top_model_free(m);
}

static uint64_t ms_of(const struct sample *s)
{
	return s->record.tx.latency_ns / MSEC;
}

/* The last and the slowest, and not more of them than there is room for. */
static void test_samples(void **state)
{
	struct top_model *m = open_by(STATS_PATH, false);
	const struct samples *set;
	unsigned int i, n = 3 * SAMPLES_MAX;

	/* 1, n, 2, n - 1, ... and one without a time at last */
	for (i = 0; i < n; i++)
		add(m, (struct req){"/a", i % 2 ? n - i / 2 : i / 2 + 1});
	add(m, (struct req){"/a", 0});
	add(m, (struct req){"/b", 1000});
	assert_int_equal(top_model_snapshot(m), 0);
	set = row(m, 0)->samples;
	assert_int_equal(set->last_cnt, SAMPLES_MAX);
	assert_false(samples_last(set, 0)->record.tx.has_latency);
	for (i = 1; i < SAMPLES_MAX; i++)
		assert_int_equal(ms_of(samples_last(set, i)),
				 (n - i) % 2 ? n - (n - i) / 2 : (n - i) / 2 + 1);
	assert_null(samples_last(set, SAMPLES_MAX));
	assert_int_equal(set->slowest_cnt, SAMPLES_MAX);
	for (i = 0; i < SAMPLES_MAX; i++)
		assert_int_equal(ms_of(set->slowest[i]), n - i);
	set = row(m, 1)->samples;
	assert_int_equal(set->last_cnt, 1);
	assert_ptr_equal(set->slowest[0], samples_last(set, 0));
	top_model_free(m);
}

/* A snapshot stays what it was: that is what pausing shows. */
static void test_snapshot(void **state)
{
	struct top_model *m = open_by(STATS_PATH, true);

	add(m, (struct req){"/a", 1});
	assert_int_equal(top_model_snapshot(m), 0);
	add(m, (struct req){"/a", 1});
	add(m, (struct req){"/b", 1});
	top_model_tick(m, clock_ns);
	top_model_order(m, STATS_BY_MAX, false);
	expect_rows(m, "/a");
	assert_int_equal(row(m, 0)->count, 1);
	assert_int_equal(top_model_snapshot(m), 0);
	expect_rows(m, "/a /b");
	assert_int_equal(row(m, 0)->count, 2);
	top_model_free(m);
}

static void test_reset(void **state)
{
	struct top_model *m = open_by(STATS_PATH, true);
	struct stats_options opt = by(STATS_METHOD);
	size_t cnt, all;

	add(m, (struct req){"/a", 1});
	top_model_tick(m, clock_ns);
	assert_int_equal(top_model_snapshot(m), 0);
	top_model_reset(m, clock_ns);
	top_model_rows(m, &cnt, &all);
	assert_int_equal(all, 0);
	assert_true(top_model_covers(m).part);
	assert_true(top_model_covers(m).reset);
	assert_int_equal(top_model_covers(m).since_ns, clock_ns);
	add(m, (struct req){"/b", 1});
	assert_int_equal(top_model_regroup(m, &opt), 0);
	assert_int_equal(row(m, 0)->count, 1);
	assert_true(top_model_covers(m).reset);
	assert_int_equal(top_model_span_ns(m, clock_ns), SEC);
	top_model_free(m);
}

/* However much comes, the bound holds; what is grouped anew says since when it counts. */
static void test_memory(void **state)
{
	struct stats_options opt = by(STATS_PATH);
	struct top_model *m = top_model_new(&opt, false, 200000);
	char *longest = malloc(65001), path[32];
	struct top_covers covers;
	unsigned int i;

	assert_non_null(m);
	for (i = 0; i < 1000; i++)
		add(m, (struct req){"/a", 1});
	assert_int_equal(top_model_snapshot(m), 0);
	assert_int_equal(row(m, 0)->count, 1000);
	assert_false(top_model_covers(m).part);
	opt = by(STATS_METHOD);
	assert_int_equal(top_model_regroup(m, &opt), 0);
	covers = top_model_covers(m);
	assert_true(covers.part);
	assert_false(covers.reset);
	assert_in_range(row(m, 0)->count, 50, 500);
	assert_int_equal(covers.since_ns, clock_ns - row(m, 0)->count * SEC);
	assert_int_equal(covers.forgotten, 0);

	/* Groups that hold it all let theirs go. */
	opt = by(STATS_PATH);
	assert_int_equal(top_model_regroup(m, &opt), 0);
	for (i = 0; i < 900; i++) {
		snprintf(path, sizeof(path), "/p%u", i);
		add(m, (struct req){path, 1});
	}
	assert_true(top_model_covers(m).forgotten > 0);
	assert_int_equal(top_model_snapshot(m), 0);

	/* Of a long target the beginning is held, and its length. */
	memset(longest, 'a', 65000);
	longest[0] = '/';
	longest[65000] = 0;
	top_model_reset(m, 0);
	add(m, (struct req){longest, 1});
	assert_int_equal(top_model_snapshot(m), 0);
	assert_int_equal(samples_last(row(m, 0)->samples, 0)->record.tx.target.len,
			 SAMPLE_TEXT_MAX);
	assert_int_equal(samples_last(row(m, 0)->samples, 0)->target_len, 65000);
	free(longest);
	top_model_free(m);
}

/* --- cells ------------------------------------------------------------------------------------ */

static void expect_cell(const char *src, unsigned int max, const char *want, unsigned int width)
{
	struct buf b = {0};

	assert_int_equal(cell_put(&b, src, strlen(src), max), width);
	buf_add(&b, "", 1);
	assert_string_equal(b.ptr, want);
	assert_int_equal(cell_width(b.ptr, b.len - 1), width);
	buf_free(&b);
}

static void test_cells(void **state)
{
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	expect_cell("abc", 3, "abc", 3);
	expect_cell("abcd", 3, "a..", 3);
	expect_cell("abcd", 1, ".", 1);
	expect_cell("abcd", 0, "", 0);
	expect_cell("", 5, "", 0);
	expect_cell("a\x1b[2J", 20, "a\\x1b[2J", 8);
	/* Not inside of an escape, nor of a wide character. */
	expect_cell("a\x1b\x1b\x1b", 8, "a\\x1b..", 7);
	expect_cell("\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e", 6,
		    "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e", 6);
	expect_cell("\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e", 5, "\xe8\xaa\x9e..", 4);
	/* One that combines has no width; one that is not assigned is not shown. */
	expect_cell("e\xcc\x81x", 2, "e\xcc\x81x", 2);
	expect_cell("\xcd\xb8\xff", 20, "\\u{378}\\xff", 11);
	assert_non_null(setlocale(LC_CTYPE, "C"));
	expect_cell("\xe8\xaa\x9e", 8, "\\u{8a9e}", 8);
	assert_int_equal(cell_fit("abcdef", 6, 4), 4);
	assert_int_equal(cell_fit("abcdef", 6, 0), 1);
}

/* --- pages ------------------------------------------------------------------------------------ */

static const struct counters counts = {.lost_events = 3};

static struct top_status status_of(bool live)
{
	return (struct top_status){.source = "here\x1b", .live = live, .cnt = &counts};
}

/* Printable, of `cols` columns at most. */
static void check_lines(struct top_ui *ui, unsigned int cols, unsigned int rows)
{
	const struct top_line *lines = top_ui_draw(ui, cols, rows);

	assert_non_null(lines);
	for (unsigned int i = 0; i < rows; i++) {
		const struct buf *b = &lines[i].text;
		size_t at = 0;
		unsigned int n;
		uint32_t cp;

		assert_in_range(cell_width(b->ptr, b->len), 0, cols);
		for (; at < b->len; at += n) {
			n = utf8_decode(b->ptr + at, b->len - at, &cp);
			assert_int_not_equal(n, 0);
			assert_true(cp >= ' ' && cp != 0x7f && (cp < 0x80 || cp > 0x9f));
		}
		assert_true(!lines[i].mark_len || lines[i].mark_at + lines[i].mark_len <= cols);
	}
}

static bool shows(struct top_ui *ui, const char *text)
{
	const struct top_line *lines = top_ui_draw(ui, 80, 24);
	bool found = false;

	for (unsigned int i = 0; i < 24; i++)
		found |= lines[i].text.len &&
			 memmem(lines[i].text.ptr, lines[i].text.len, text, strlen(text));
	return found;
}

static void press(struct top_ui *ui, const char *keys)
{
	for (; *keys; keys++)
		top_ui_key(ui, (unsigned char)*keys);
}

static const unsigned int all_keys[] = {
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ENTER,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	'/',
	'a',
	TOP_KEY_BACKSPACE,
	0xe8,
	0x1f,
	0x15,
	's',
	'g',
	't',
	' ',
	'p',
	'r',
	'<',
	'>',
	'z',
	'?',
	'j',
	'k',
	'G',
	'q',
	'h',
	TOP_KEY_DOWN,
	TOP_KEY_DOWN,
	0xff,
};

/* Any keys in any order, in windows of any size, while requests come. */
static void test_keys_at_random(void **state)
{
	static const char *const targets[] = {"/a",	   "/\x1b]0;x\x07",
					      "/\xff\xfe", "/\xe2\x80\xae",
					      "/users/1",  "http://u:p@h/\xe8\xaa\x9e",
					      "*"};
	struct top_model *m = open_by(STATS_ROUTE, true);
	struct top_ui *ui = top_ui_new(m);
	struct top_status status = status_of(true);
	unsigned long long seed = 88172645463325252ull;

	assert_non_null(ui);
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	top_ui_status(ui, &status, true);
	for (unsigned int i = 0; i < 20000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		if (seed % 3 == 0)
			add(m, (struct req){targets[seed / 3 % 7], seed / 21 % 50, 0, 0,
					    SIDE_CLIENT + seed / 1050 % 3});
		if (seed / 3 % 5 == 0) {
			top_model_tick(m, clock_ns);
			status.now_ns = clock_ns;
			top_ui_status(ui, &status, true);
		}
		top_ui_key(ui, all_keys[seed / 15 % (sizeof(all_keys) / sizeof(all_keys[0]))]);
		if (i % 8 == 0)
			check_lines(ui, 1 + seed / 1000 % 140, 1 + seed / 140000 % 50);
	}
	top_ui_free(ui);
	top_model_free(m);
	setlocale(LC_CTYPE, "C");
}

static void test_pages(void **state)
{
	struct top_model *m = open_by(STATS_PATH, false);
	struct top_ui *ui = top_ui_new(m);
	struct top_status status = status_of(false);

	assert_non_null(ui);
	add(m, (struct req){"/first?token=secret", 5});
	add(m, (struct req){"/second", 7, 503});
	add(m, (struct req){"/second", 3});
	top_ui_status(ui, &status, true);
	assert_true(shows(ui, "httplat top here\\x1b"));
	assert_true(shows(ui, "events lost 3"));
	assert_true(shows(ui, "sorted by count, 2 rows"));
	/* a row, its slowest request, and back */
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "path /second"));
	assert_true(shows(ui, "503 7.000ms"));
	top_ui_key(ui, TOP_KEY_END);
	top_ui_key(ui, TOP_KEY_UP);
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "GET shop/second -> 503"));
	assert_true(shows(ui, "latency 7.000ms"));
	top_ui_key(ui, TOP_KEY_ESCAPE);
	assert_true(shows(ui, "SLOWEST"));
	assert_int_equal(top_ui_key(ui, 'q'), TOP_NOTHING);
	/* the filter, as it is typed */
	press(ui, "/first");
	assert_true(shows(ui, "/first"));
	assert_true(shows(ui, "1 row"));
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "1 of 2 rows with 'first'"));
	top_ui_key(ui, TOP_KEY_ENTER);
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "token=REDACTED"));
	top_ui_key(ui, TOP_KEY_ESCAPE);
	top_ui_key(ui, TOP_KEY_ESCAPE);
	top_ui_key(ui, TOP_KEY_ESCAPE);
	assert_true(shows(ui, "2 rows"));
	/* two keys at once */
	press(ui, "g");
	top_ui_key(ui, TOP_KEY_DOWN);
	press(ui, " ");
	top_ui_key(ui, TOP_KEY_DOWN);
	press(ui, " ");
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "by method,status"));
	press(ui, "t");
	top_ui_key(ui, TOP_KEY_DOWN);
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "by method,status, ttfb, sorted by count"));
	press(ui, ">r");
	assert_true(shows(ui, "sorted by rate (reversed)"));
	press(ui, "p");
	assert_true(shows(ui, "PAUSED"));
	press(ui, "p?");
	assert_true(shows(ui, "Ctrl-L"));
	top_ui_key(ui, TOP_KEY_END);
	assert_true(shows(ui, "16 slowest requests"));
	assert_int_equal(top_ui_key(ui, 'q'), TOP_NOTHING);
	assert_int_equal(top_ui_key(ui, 'L' & 0x1f), TOP_REDRAW);
	assert_int_equal(top_ui_key(ui, 'q'), TOP_QUIT);
	top_ui_free(ui);
	top_model_free(m);
}

/* Paused, the pages stay, opened ones too; the losses are told all the same. */
static void test_pause(void **state)
{
	struct top_model *m = open_by(STATS_PATH, true);
	struct top_ui *ui = top_ui_new(m);
	struct counters now = {0};
	struct top_status status = {.source = "", .live = true, .owners = true, .cnt = &now};

	assert_non_null(ui);
	add(m, (struct req){"/a", 5});
	top_ui_status(ui, &status, true);
	press(ui, "p");
	add(m, (struct req){"/bb", 6});
	now.lost_events = 17;
	top_ui_status(ui, &status, true);
	assert_false(shows(ui, "/bb"));
	assert_true(shows(ui, "events lost 17"));
	press(ui, "p");
	top_ui_status(ui, &status, true);
	assert_true(shows(ui, "/bb"));
	/* The cursor goes with its row. */
	top_ui_key(ui, TOP_KEY_DOWN);
	for (unsigned int i = 0; i < 3; i++)
		add(m, (struct req){"/bb", 6});
	top_ui_status(ui, &status, true);
	top_ui_key(ui, TOP_KEY_ENTER);
	assert_true(shows(ui, "path /bb"));
	top_ui_free(ui);
	top_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort),	cmocka_unit_test(test_rates),
		cmocka_unit_test(test_group),	cmocka_unit_test(test_filter),
		cmocka_unit_test(test_samples), cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_reset),	cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cells),	cmocka_unit_test(test_keys_at_random),
		cmocka_unit_test(test_pages),	cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}

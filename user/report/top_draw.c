// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../units.h"
#include "cell.h"
#include "parts.h"
#include "summary.h"
#include "top_state.h"
#include "totals.h"

/* Columns that a key has at least, where its values need them, before a number is left out for it. */
#define KEY_LEAST 16
#define KEY_MOST  60

/* --- lines ------------------------------------------------------------------------------------ */

static int begin(struct top_ui *ui, unsigned int cols, unsigned int rows)
{
	struct top_line *lines = ui->lines;

	if (rows > ui->line_size) {
		lines = realloc(lines, rows * sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		memset(lines + ui->line_size, 0, (rows - ui->line_size) * sizeof(*lines));
		ui->lines = lines;
		ui->line_size = rows;
	}
	if (cols != ui->cols) {
		memset(ui->key_width, 0, sizeof(ui->key_width));
		memset(ui->width, 0, sizeof(ui->width));
	}
	for (unsigned int i = 0; i < rows; i++) {
		buf_reset(&lines[i].text);
		lines[i].style = TOP_PLAIN;
		lines[i].mark_len = 0;
	}
	ui->cols = cols;
	ui->rows = rows;
	ui->line_cnt = 0;
	return 0;
}

struct top_line *top_next_line(struct top_ui *ui, enum top_style style)
{
	struct top_line *line;

	if (ui->line_cnt < ui->rows)
		ui->line_cnt++;
	line = &ui->lines[ui->line_cnt - 1];
	buf_reset(&line->text);
	line->style = style;
	line->mark_len = 0;
	return line;
}

unsigned int top_lines_left(const struct top_ui *ui)
{
	return ui->line_cnt + 1 < ui->rows ? ui->rows - 1 - ui->line_cnt : 0;
}

void top_put_text(struct top_ui *ui, enum top_style style, const char *text, size_t len)
{
	struct top_line *line = top_next_line(ui, style);

	cell_put_safe(&line->text, text, len, ui->cols);
}

/* Puts what is in scratch, cut to the window. */
static void put_scratch(struct top_ui *ui, enum top_style style)
{
	top_put_text(ui, style, ui->scratch.ptr, ui->scratch.len);
}

void top_fill(struct top_ui *ui, struct top_line *line)
{
	unsigned int width = cell_width(line->text.ptr, line->text.len);

	cell_pad(&line->text, width < ui->cols ? ui->cols - width : 0);
}

/* Text at the left, and at the right edge what there is room for. */
static void put_ends(struct top_ui *ui, struct top_line *line, const struct buf *left,
		     const char *right)
{
	unsigned int room = (unsigned int)strlen(right), width;

	if (room + 20 > ui->cols)
		room = 0;
	width = cell_put_safe(&line->text, left->ptr, left->len, ui->cols - room - (room > 0));
	if (!room)
		return;
	cell_pad(&line->text, ui->cols - room - width);
	buf_puts(&line->text, right);
}

/* --- what all pages have in common ------------------------------------------------------------ */

void top_put_clock(struct buf *b, int64_t time_ns)
{
	time_t when = (time_t)(time_ns / 1000000000);
	char text[16];
	struct tm tm;

	if (localtime_r(&when, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm))
		buf_puts(b, text);
}

static void put_elapsed(struct buf *b, uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	buf_printf(b, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
}

static void put_running(const struct top_ui *ui, struct buf *b)
{
	const struct top_status *st = &ui->status;

	if (ui->paused)
		buf_puts(b, "PAUSED  ");
	if (st->live) {
		put_elapsed(b, st->now_ns > st->start_ns ? st->now_ns - st->start_ns : 0);
	} else {
		if (st->reading && st->read_all)
			buf_printf(b, "reading %" PRIu64 " %%  ",
				   st->read_done * 100 / st->read_all);
		else if (st->reading)
			buf_puts(b, "reading  ");
		put_elapsed(b, top_model_span_ns(ui->m, 0));
	}
	buf_add(b, "", 1);
}

void top_draw_head(struct top_ui *ui)
{
	struct buf right = {0};

	put_running(ui, &right);
	buf_reset(&ui->scratch);
	buf_puts(&ui->scratch, "httplat top ");
	cell_put(&ui->scratch, ui->status.source, strlen(ui->status.source), UINT32_MAX - 2);
	if (!right.failed)
		put_ends(ui, top_next_line(ui, TOP_BOLD), &ui->scratch, right.ptr);
	buf_free(&right);
}

/* "server  12.3/s avg 10.1/s  1234 requests  12 errors 1.0 %  p50 1.2ms  p99 20.1ms" */
static void draw_side(struct top_ui *ui, const struct stats_group *g)
{
	uint64_t rate_ns = top_model_rate_ns(ui->m);
	uint64_t span_ns = top_model_span_ns(ui->m, ui->status.now_ns);
	struct buf *b = &ui->scratch;
	char text[UNITS_DURATION_MAX];

	buf_reset(b);
	buf_printf(b, "%-7s ", g->value[0][0] ? g->value[0] : "unknown");
	if (ui->status.live && rate_ns)
		buf_printf(b, "%.1f/s ", column_rate(g, rate_ns));
	if (span_ns)
		buf_printf(b, "avg %.1f/s ", (double)g->count * 1e9 / (double)span_ns);
	buf_printf(b, " %" PRIu64 " requests  %" PRIu64 " errors", g->count, g->errors);
	if (g->errors)
		buf_printf(b, " %.1f %%", (double)g->errors * 100 / (double)g->count);
	if (g->timed) {
		buf_printf(b, "  p50 %s", units_format_duration(g->p50_ns, text));
		buf_printf(b, "  p99 %s", units_format_duration(g->p99_ns, text));
	}
	put_scratch(ui, TOP_PLAIN);
}

/* What was lost comes first, for a narrow window cuts the line; then what was left out. "events lost" and "gaps" are always
 * there, the rest where there is such a thing. The closing counts have it by cause. */
static void draw_losses(struct top_ui *ui)
{
	const struct counters *c = ui->status.cnt;
	const uint64_t *kernel = ui->status.kernel;
	const struct totals total = totals_of(c, kernel);
	const struct {
		uint64_t n;
		const char *what;
		bool lost;
	} items[] = {
		{total.bytes_lost, "bytes lost", true},
		{c->memory_dropped + c->memory_evicted, "dropped at a memory limit", true},
		{kernel ? kernel[EVENT_CNT_NO_STATE] : 0, "connections without kernel memory",
		 true},
		{kernel ? kernel[EVENT_CNT_OWNER_LOST] + kernel[EVENT_CNT_READ_LOST] : 0,
		 "owner events lost", true},
		{c->bad_records, "ring records without sense", true},
		{c->fragments_lost, "IP fragments lost", true},
		{top_model_covers(ui->m).forgotten, "times all held requests let go", true},
		{c->no_response, "requests unpaired", false},
		{c->orphans, "responses unpaired", false},
		{c->malformed + c->oversize, "messages not understood", false},
		{c->flows_tls, "TLS connections", false},
		{c->flows_http2, "HTTP/2 connections", false},
		{c->filtered, "requests filtered out", false},
		{c->filtered_packets, "packets filtered out", false},
	};
	bool lost = total.events_lost || c->gaps;
	struct buf *b = &ui->scratch;

	buf_reset(b);
	buf_printf(b, "events lost %" PRIu64 ", gaps %" PRIu64, total.events_lost, c->gaps);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (!items[i].n)
			continue;
		buf_printf(b, ", %" PRIu64 " %s", items[i].n, items[i].what);
		lost |= items[i].lost;
	}
	put_scratch(ui, lost ? TOP_ALERT : TOP_PLAIN);
}

static void put_coverage(struct top_ui *ui, struct buf *b)
{
	struct top_covers covers = top_model_covers(ui->m);

	if (!covers.part)
		return;
	buf_puts(b, ", since ");
	if (covers.reset && ui->status.live)
		top_put_clock(b, (int64_t)covers.since_ns + ui->status.wall_offset_ns);
	else if (!covers.reset && covers.has_time)
		top_put_clock(b, covers.time_ns);
	else
		buf_puts(b, "the reset");
	if (!covers.reset)
		buf_puts(b, " (older forgotten)");
}

/* How the table is made. */
static void draw_how(struct top_ui *ui)
{
	const struct stats_options *opt = top_model_options(ui->m);
	struct buf *b = &ui->scratch;
	size_t cnt, all;

	top_model_rows(ui->m, &cnt, &all);
	buf_reset(b);
	buf_puts(b, "by ");
	for (unsigned int i = 0; i < opt->by_cnt; i++)
		buf_printf(b, "%s%s", i ? "," : "", stats_key_name(opt->by[i]));
	buf_printf(b, ", %s, sorted by %s%s, ", part_name(opt->time), stats_sort_names[opt->sort],
		   opt->reverse ? " (reversed)" : "");
	if (ui->filter_len && !ui->editing)
		buf_printf(b, "%zu of %zu rows with '", cnt, all);
	else
		buf_printf(b, "%zu row%s", cnt, cnt == 1 ? "" : "s");
	if (ui->filter_len && !ui->editing) {
		cell_put(b, ui->filter, ui->filter_len, 30);
		buf_puts(b, "'");
	}
	put_coverage(ui, b);
	put_scratch(ui, TOP_PLAIN);
}

void top_draw_common(struct top_ui *ui)
{
	const struct stats_group *sides;
	size_t cnt, i;

	top_draw_head(ui);
	if (ui->rows >= TOP_LOW) {
		sides = top_model_sides(ui->m, &cnt);
		for (i = 0; i < cnt; i++)
			draw_side(ui, &sides[i]);
	}
	draw_losses(ui);
}

void top_draw_foot(struct top_ui *ui, const char *keys)
{
	struct top_line *line;

	ui->line_cnt = ui->rows - 1;
	line = top_next_line(ui, TOP_PLAIN);
	if (ui->editing) {
		buf_puts(&line->text, "/");
		cell_put(&line->text, ui->filter, ui->filter_len, ui->cols > 1 ? ui->cols - 1 : 0);
	} else if (ui->failed) {
		line->style = TOP_ALERT;
		cell_put_safe(&line->text, "out of memory: not all is shown", 31, ui->cols);
	} else {
		cell_put_safe(&line->text, keys, strlen(keys), ui->cols);
	}
}

void top_scroll(struct top_list *list, size_t cnt, unsigned int seen)
{
	list->seen = seen;
	if (list->at < list->first)
		list->first = list->at;
	if (seen && list->at >= list->first + seen)
		list->first = list->at - seen + 1;
	if (list->first + seen > cnt)
		list->first = cnt > seen ? cnt - seen : 0;
}

/* --- the table -------------------------------------------------------------------------------- */

/* What the columns of a table are as wide as; 0: it is left out. */
struct widths {
	unsigned int key[TOP_KEYS_MAX], number[COLUMNS];
};

static unsigned int put_key(struct buf *b, const struct stats_group *g, unsigned int i,
			    unsigned int max)
{
	const char *value = g->value[i][0] ? g->value[i] : "-";

	return cell_put(b, value, strlen(value), max);
}

void top_grow(unsigned int *width, unsigned int to)
{
	if (*width < to)
		*width = to;
}

/* Of the rows that are seen, and of those that were. */
static void measure(struct top_ui *ui, const struct stats_group *const *rows, size_t cnt)
{
	const struct stats_options *opt = top_model_options(ui->m);
	uint64_t rate_ns = top_model_rate_ns(ui->m);
	struct buf *b = &ui->scratch;

	for (unsigned int i = 0; i <= opt->by_cnt; i++) {
		buf_reset(b);
		column_put_title(b, opt, i);
		top_grow(&ui->key_width[i], (unsigned int)b->len);
		for (size_t k = 0; b->len && k < cnt; k++)
			top_grow(&ui->key_width[i], put_key(b, rows[k], i, KEY_MOST));
	}
	for (enum column col = 0; col < COLUMNS; col++) {
		top_grow(&ui->width[col], (unsigned int)strlen(column_info[col].title));
		for (size_t k = 0; k < cnt; k++) {
			buf_reset(b);
			column_put(b, rows[k], col, rate_ns);
			top_grow(&ui->width[col], (unsigned int)b->len);
		}
	}
}

static unsigned int sum(const unsigned int *width, unsigned int cnt)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < cnt; i++)
		n += width[i] ? width[i] + 1 : 0;
	return n;
}

/* Numbers by what they say, as long as the keys keep their least; then the keys, the widest gives way. */
static void divide(const struct top_ui *ui, struct widths *w)
{
	static const enum column order[] = {COLUMN_COUNT, COLUMN_RATE, COLUMN_ERRORS, COLUMN_P99,
					    COLUMN_P50,	  COLUMN_MAX,  COLUMN_P90,    COLUMN_P999,
					    COLUMN_MEAN,  COLUMN_OUT,  COLUMN_IN};
	const struct stats_options *opt = top_model_options(ui->m);
	unsigned int least[TOP_KEYS_MAX] = {0}, room, i, widest;

	_Static_assert(sizeof(order) / sizeof(order[0]) == COLUMNS, "each column once");
	*w = (struct widths){0};
	for (i = 0; i <= opt->by_cnt; i++) {
		w->key[i] = column_key_name(opt, i, false) ? ui->key_width[i] : 0;
		least[i] = w->key[i] < KEY_LEAST ? w->key[i] : KEY_LEAST;
	}
	room = sum(least, TOP_KEYS_MAX);
	for (i = 0; i < COLUMNS; i++)
		if (column_info[i].sort == opt->sort)
			w->number[i] = ui->width[i];
	for (i = 0; i < COLUMNS; i++) {
		enum column col = order[i];

		if (room + sum(w->number, COLUMNS) + ui->width[col] <= ui->cols)
			w->number[col] = ui->width[col];
	}
	room = sum(w->number, COLUMNS);
	while (sum(w->key, TOP_KEYS_MAX) + room > ui->cols + 1) {
		for (widest = i = 0; i < TOP_KEYS_MAX; i++)
			if (w->key[i] > w->key[widest])
				widest = i;
		if (w->key[widest] <= 2)
			break;
		w->key[widest]--;
	}
}

static void put_right(struct buf *b, const struct buf *cell, unsigned int width)
{
	cell_pad(b, cell->len < width ? width - (unsigned int)cell->len : 0);
	buf_add(b, cell->ptr, cell->len < width ? cell->len : width);
}

static void draw_titles(struct top_ui *ui, const struct widths *w)
{
	const struct stats_options *opt = top_model_options(ui->m);
	struct top_line *line = top_next_line(ui, TOP_TITLE);
	struct buf *cell = &ui->scratch;
	unsigned int at = 0, i;

	for (i = 0; i <= opt->by_cnt; i++) {
		if (!w->key[i])
			continue;
		buf_reset(cell);
		column_put_title(cell, opt, i);
		cell_pad(&line->text, at > 0);
		at += at > 0;
		if (opt->sort == STATS_BY_KEY && i && !line->mark_len) {
			line->mark_at = at;
			line->mark_len = (unsigned int)cell->len;
		}
		cell_pad(&line->text,
			 w->key[i] - cell_put_safe(&line->text, cell->ptr, cell->len, w->key[i]));
		at += w->key[i];
	}
	for (i = 0; i < COLUMNS; i++) {
		if (!w->number[i])
			continue;
		buf_reset(cell);
		buf_puts(cell, column_info[i].title);
		cell_pad(&line->text, 1);
		put_right(&line->text, cell, w->number[i]);
		at += w->number[i] + 1;
		if (column_info[i].sort == opt->sort) {
			line->mark_at = at - (unsigned int)cell->len;
			line->mark_len = (unsigned int)cell->len;
		}
	}
	top_fill(ui, line);
}

static void draw_row(struct top_ui *ui, const struct widths *w, const struct stats_group *g,
		     bool cursor)
{
	const struct stats_options *opt = top_model_options(ui->m);
	struct top_line *line = top_next_line(ui, cursor ? TOP_CURSOR : TOP_PLAIN);
	struct buf *cell = &ui->scratch;
	bool first = true;

	for (unsigned int i = 0; i <= opt->by_cnt; i++) {
		if (!w->key[i])
			continue;
		cell_pad(&line->text, !first);
		first = false;
		cell_pad(&line->text, w->key[i] - put_key(&line->text, g, i, w->key[i]));
	}
	for (unsigned int i = 0; i < COLUMNS; i++) {
		if (!w->number[i])
			continue;
		buf_reset(cell);
		column_put(cell, g, i, top_model_rate_ns(ui->m));
		if (!cell->len)
			buf_puts(cell, "-");
		cell_pad(&line->text, 1);
		put_right(&line->text, cell, w->number[i]);
	}
	top_fill(ui, line);
}

static void put_sentence(struct top_ui *ui, const char *text)
{
	top_put_text(ui, TOP_PLAIN, text, strlen(text));
}

static void draw_nothing(struct top_ui *ui)
{
	const struct top_status *st = &ui->status;

	if (ui->filter_len) {
		put_sentence(ui, "no row has that text");
	} else if (st->reading || (st->live && !top_model_covers(ui->m).part)) {
		put_sentence(ui, "no request yet");
	} else if (st->live) {
		put_sentence(ui, "no request since then");
	} else {
		put_sentence(ui, "no HTTP request to show");
		put_sentence(ui, summary_next_step(st->cnt, st->kernel));
	}
}

static void draw_table(struct top_ui *ui)
{
	const struct stats_group *const *rows;
	struct widths w;
	unsigned int seen;
	size_t cnt, all, i;

	top_draw_common(ui);
	draw_how(ui);
	rows = top_model_rows(ui->m, &cnt, &all);
	seen = top_lines_left(ui);
	seen -= seen > 0; /* the titles */
	top_scroll(&ui->table, cnt, seen);
	if (seen > cnt - ui->table.first)
		seen = (unsigned int)(cnt - ui->table.first);
	measure(ui, rows ? rows + ui->table.first : NULL, seen);
	divide(ui, &w);
	draw_titles(ui, &w);
	for (i = ui->table.first; i < ui->table.first + seen; i++)
		draw_row(ui, &w, rows[i], i == ui->table.at);
	if (!cnt)
		draw_nothing(ui);
	top_draw_foot(
		ui,
		"q quit  ? help  / filter  s sort  g group  t time  Enter open  p pause  z reset");
}

/* A window of a few columns has no room for what each line has at least. */
static void clip(struct top_line *line, unsigned int cols)
{
	struct buf *b = &line->text;

	if (cell_width(b->ptr, b->len) > cols)
		b->len = cell_fit(b->ptr, b->len, cols);
	if (cell_width(b->ptr, b->len) > cols)
		b->len = 0;
	if (line->mark_at >= cols)
		line->mark_len = 0;
	else if (line->mark_len > cols - line->mark_at)
		line->mark_len = cols - line->mark_at;
}

const struct top_line *top_ui_draw(struct top_ui *ui, unsigned int cols, unsigned int rows)
{
	bool failed = false;

	if (!cols || !rows || begin(ui, cols, rows))
		return NULL;
	switch (ui->page) {
	case PAGE_TABLE:
		draw_table(ui);
		break;
	case PAGE_GROUP:
		top_draw_group(ui);
		break;
	case PAGE_REQUEST:
		top_draw_request(ui);
		break;
	case PAGE_CHOICE:
		top_draw_choices(ui);
		break;
	case PAGE_HELP:
		top_draw_help(ui);
		break;
	}
	for (unsigned int i = 0; i < rows; i++) {
		failed |= ui->lines[i].text.failed;
		clip(&ui->lines[i], cols);
	}
	ui->failed |= failed;
	return ui->lines;
}

bool top_ui_cursor(const struct top_ui *ui, unsigned int *col)
{
	const struct buf *foot;

	if (!ui->editing || !ui->rows)
		return false;
	foot = &ui->lines[ui->rows - 1].text;
	*col = cell_width(foot->ptr, foot->len);
	if (*col >= ui->cols)
		*col = ui->cols - 1;
	return true;
}

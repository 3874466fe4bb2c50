// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../units.h"
#include "cell.h"
#include "explain.h"
#include "parts.h"
#include "top_state.h"

/* --- a group ---------------------------------------------------------------------------------- */

/* Lines of the group page that are no requests: those of all pages, the name, two of numbers, two titles
 * of columns, the foot. */
static unsigned int group_lines(const struct top_ui *ui)
{
	size_t sides = 0;

	if (ui->rows >= TOP_LOW)
		top_model_sides(ui->m, &sides);
	return 2 + (unsigned int)sides + 3 + 2 + 1;
}

unsigned int top_requests_seen(const struct top_ui *ui)
{
	unsigned int used = group_lines(ui);
	unsigned int half = ui->rows > used ? (ui->rows - used) / 2 : 0;

	return half < SAMPLES_MAX ? half : SAMPLES_MAX;
}

/* All of them, also those that the table had no room for: two lines at 80 columns. */
static void draw_numbers(struct top_ui *ui)
{
	uint64_t rate_ns = top_model_rate_ns(ui->m);
	struct buf *b = &ui->scratch;
	size_t fits;

	buf_reset(b);
	for (enum column col = 0; col < COLUMNS; col++) {
		if (!column_known(&ui->group, col, rate_ns))
			continue;
		buf_printf(b, "%s%s=", b->len ? " " : "", column_info[col].title);
		column_put(b, &ui->group, col, rate_ns);
	}
	if (!ui->group_is_there)
		buf_puts(b, " (reset)");
	fits = cell_fit(b->ptr, b->len, ui->cols);
	while (fits < b->len && fits > 1 && b->ptr[fits - 1] != ' ')
		fits--;
	top_put_text(ui, TOP_PLAIN, b->ptr, fits);
	top_put_text(ui, TOP_PLAIN, b->ptr + fits, b->len - fits);
}

/* What is told of a request, each ended by a NUL: time, status, latency, the side's parts. The rest of the line is what
 * was asked for. */
#define REQUEST_CELLS 9

struct request_cells {
	struct buf *b;
	size_t at[REQUEST_CELLS];
	unsigned int cnt;
};

/* "-" for nothing. */
static void put_cell(struct request_cells *c, const char *text)
{
	c->at[c->cnt++] = c->b->len;
	buf_puts(c->b, text[0] ? text : "-");
	buf_add(c->b, "", 1);
}

static void put_titles(struct top_ui *ui, const char *first, struct request_cells *c)
{
	const enum part *part = parts_of_side(ui->group_side);
	const char *name;

	put_cell(c, first);
	put_cell(c, "ST");
	put_cell(c, "LATENCY");
	for (; *part != PARTS; part++) {
		c->at[c->cnt++] = c->b->len;
		for (name = part_name(*part); *name; name++)
			buf_add(c->b, &(char){(char)toupper(*name)}, 1);
		buf_add(c->b, "", 1);
	}
}

static void put_part(struct request_cells *c, const struct transaction *tx, enum part part)
{
	char text[UNITS_DURATION_MAX] = "";
	uint64_t ns;

	if (part_get(tx, part, &ns))
		units_format_duration(ns, text);
	put_cell(c, text);
}

static void put_values(struct top_ui *ui, const struct sample *s, struct request_cells *c)
{
	const enum part *part = parts_of_side(ui->group_side);
	const struct transaction *tx = &s->record.tx;
	char status[8] = "";

	c->at[c->cnt++] = c->b->len;
	if (s->has_time)
		top_put_clock(c->b, s->time_ns);
	buf_add(c->b, "", 1);
	if (tx->status)
		snprintf(status, sizeof(status), "%u", tx->status);
	put_cell(c, status);
	put_part(c, tx, PART_LATENCY);
	for (; *part != PARTS; part++)
		put_part(c, tx, *part);
}

/* Of a request, or the titles where s is NULL; in scratch. */
static struct request_cells make_cells(struct top_ui *ui, const struct sample *s, const char *title)
{
	struct request_cells c = {.b = &ui->scratch};

	buf_reset(c.b);
	if (s)
		put_values(ui, s, &c);
	else
		put_titles(ui, title, &c);
	if (c.b->failed)
		c.cnt = 0;
	return c;
}

static void put_what(const struct sample *s, struct buf *b)
{
	const struct view v = sample_view(s);

	text_add_hostile(b, v.tx->method.ptr, v.tx->method.len);
	buf_puts(b, v.tx->method.len ? " " : "");
	text_add_url(b, &v);
	text_add_flags(b, v.tx->flags);
}

static void measure(struct top_ui *ui, const struct sample *s, const char *title,
		    unsigned int width[REQUEST_CELLS])
{
	const struct request_cells c = make_cells(ui, s, title);

	for (unsigned int i = 0; i < c.cnt; i++)
		top_grow(&width[i], (unsigned int)strlen(c.b->ptr + c.at[i]));
}

static void draw_request_line(struct top_ui *ui, const struct sample *s, const char *title,
			      const unsigned int width[REQUEST_CELLS], enum top_style style)
{
	struct top_line *line = top_next_line(ui, style);
	const struct request_cells c = make_cells(ui, s, title);
	struct buf *b = &ui->scratch;
	unsigned int used = 0, fill;

	for (unsigned int i = 0; i < c.cnt; i++) {
		const char *text = b->ptr + c.at[i];

		if (used + width[i] + 1 > ui->cols)
			break;
		fill = width[i] - (unsigned int)strlen(text);
		cell_pad(&line->text, i ? fill : 0); /* numbers to the right */
		buf_puts(&line->text, text);
		cell_pad(&line->text, 1 + (i ? 0 : fill));
		used += width[i] + 1;
	}
	buf_reset(b);
	if (s)
		put_what(s, b);
	else
		buf_puts(b, "METHOD URL");
	cell_put_safe(&line->text, b->ptr, b->len, ui->cols > used ? ui->cols - used : 0);
	top_fill(ui, line);
}

void top_draw_group(struct top_ui *ui)
{
	const struct top_requests *r = &ui->requests;
	unsigned int width[REQUEST_CELLS] = {0}, seen = top_requests_seen(ui), i, last, slowest;

	top_draw_common(ui);
	top_put_text(ui, TOP_BOLD, ui->group_title.ptr, ui->group_title.len);
	draw_numbers(ui);
	last = r->last_cnt < seen ? r->last_cnt : seen;
	slowest = r->slowest_cnt < seen ? r->slowest_cnt : seen;
	measure(ui, NULL, "SLOWEST", width);
	for (i = 0; i < last; i++)
		measure(ui, r->last[i], NULL, width);
	for (i = 0; i < slowest; i++)
		measure(ui, r->slowest[i], NULL, width);
	draw_request_line(ui, NULL, "LAST", width, TOP_TITLE);
	for (i = 0; i < last; i++)
		draw_request_line(ui, r->last[i], NULL, width,
				  !ui->in_slowest && i == ui->request_at ? TOP_CURSOR : TOP_PLAIN);
	draw_request_line(ui, NULL, "SLOWEST", width, TOP_TITLE);
	for (i = 0; i < slowest; i++)
		draw_request_line(ui, r->slowest[i], NULL, width,
				  ui->in_slowest && i == ui->request_at ? TOP_CURSOR : TOP_PLAIN);
	top_draw_foot(ui, "Esc back  Enter where its time went  p pause  ? help");
}

/* --- a request, help, choices ----------------------------------------------------------------- */

/* Breaks a line where the window ends; the rest is set in. Returns how many lines that makes, of which the first is the
 * text's `number`-th. draw: those that are to be seen are drawn. */
static size_t break_line(struct top_ui *ui, const char *text, size_t len, size_t number, bool draw)
{
	unsigned int indent = 0;
	size_t fits, n = 0;

	do {
		fits = cell_fit(text, len, ui->cols - indent);
		if (draw && number + n >= ui->reading.first && top_lines_left(ui)) {
			struct top_line *line = top_next_line(ui, TOP_PLAIN);

			cell_pad(&line->text, indent);
			cell_put_safe(&line->text, text, fits, ui->cols - indent);
		}
		text += fits;
		len -= fits;
		n++;
		indent = ui->cols > 20 ? 4 : 0;
	} while (len);
	return n;
}

/* Scrolls by lines of the window. */
static void draw_text(struct top_ui *ui, const char *text, size_t len)
{
	const char *end = text + len, *p, *newline;
	struct top_list *list = &ui->reading;
	size_t number = 0;

	for (p = text; p < end; p = newline + 1) {
		newline = memchr(p, '\n', (size_t)(end - p));
		number += break_line(ui, p, (size_t)(newline - p), number, false);
	}
	list->seen = top_lines_left(ui);
	/* It may have been moved behind the end, as far as a number goes. */
	if (number < list->seen)
		list->at = 0;
	else if (list->at > number - list->seen)
		list->at = number - list->seen;
	list->first = list->at;
	for (p = text, number = 0; p < end; p = newline + 1) {
		newline = memchr(p, '\n', (size_t)(end - p));
		number += break_line(ui, p, (size_t)(newline - p), number, true);
	}
}

void top_draw_request(struct top_ui *ui)
{
	const struct view v = sample_view(ui->request);
	struct buf text = {0};

	top_draw_common(ui);
	ui->text.header_done = false; /* no empty line before it */
	if (!explain_transaction(&ui->text, &v, &text))
		draw_text(ui, text.ptr, text.len);
	else
		ui->failed = true;
	buf_free(&text);
	top_draw_foot(ui, "Esc back  Up Down scroll  ? help");
}

static const char *const help_text[] = {
	"Up Down PgUp PgDn Home End   move (also j k)",
	"Enter                        open a row: its last and its slowest requests;",
	"                             open a request: where its time went",
	"Esc q                        go back; q in the table ends httplat",
	"/                            show rows with this text only, while it is typed;",
	"                             Enter keeps it, Esc takes it away",
	"< >  (Left Right)            sort by the column beside",
	"s                            choose the column to sort by",
	"r                            the other way round",
	"g b                          choose the keys of the rows; Space takes several",
	"t                            choose the time that is shown",
	"p Space                      pause: nothing moves, but counting goes on",
	"z                            begin to count anew",
	"Ctrl-L                       draw everything again",
	"? h                          this help",
	"",
	"COUNT, ERRORS, the percentiles, MAX, MEAN, IN and OUT are since the start, or",
	"since z. RATE is of the last interval (--interval), in a file of all of it.",
	"Columns that the window has no room for are left out; that which it is sorted",
	"by never is. IN and OUT are bytes of requests and of responses.",
	"",
	"Other keys or another time are counted from the latest requests, of which 64 MB",
	"are held; where these are not all, it says since when it counts. A row holds its",
	"16 last and 16 slowest requests.",
	NULL,
};

void top_draw_help(struct top_ui *ui)
{
	struct buf *b = &ui->scratch;
	unsigned int i;

	top_draw_head(ui);
	buf_reset(b);
	for (i = 0; help_text[i]; i++)
		buf_printf(b, "%s\n", help_text[i]);
	if (!b->failed)
		draw_text(ui, b->ptr, b->len);
	top_draw_foot(ui, "Esc back  Up Down scroll");
}

static unsigned int place_chosen(const struct top_ui *ui, unsigned int key)
{
	for (unsigned int i = 0; ui->choice == CHOOSE_KEY && i < ui->chosen_cnt; i++)
		if (ui->chosen[i] == key)
			return i + 1;
	return 0;
}

void top_draw_choices(struct top_ui *ui)
{
	static const char *const titles[] = {
		[CHOOSE_SORT] = "Sort by",
		[CHOOSE_KEY] = "A row for each",
		[CHOOSE_TIME] = "Times are",
	};
	struct top_list *list = &ui->choices;
	struct top_line *line;
	unsigned int cnt = 0, i, place;

	top_draw_common(ui);
	top_put_text(ui, TOP_BOLD, titles[ui->choice], strlen(titles[ui->choice]));
	while (top_choice_name(ui->choice, cnt))
		cnt++;
	top_scroll(list, cnt, top_lines_left(ui));
	for (i = (unsigned int)list->first; i < cnt && top_lines_left(ui); i++) {
		buf_reset(&ui->scratch);
		place = place_chosen(ui, i);
		if (place)
			buf_printf(&ui->scratch, "%2u ", place);
		else
			buf_puts(&ui->scratch, "   ");
		buf_puts(&ui->scratch, top_choice_name(ui->choice, i));
		line = top_next_line(ui, i == list->at ? TOP_CURSOR : TOP_PLAIN);
		cell_put_safe(&line->text, ui->scratch.ptr, ui->scratch.len, ui->cols);
		top_fill(ui, line);
	}
	top_draw_foot(ui, ui->choice == CHOOSE_KEY ? "Enter choose  Space choose several  Esc back"
						   : "Enter choose  Esc back");
}

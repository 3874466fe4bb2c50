// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "cell.h"
#include "parts.h"
#include "top_state.h"

#define CTRL(c) ((c)&0x1f)

struct top_ui *top_ui_new(struct top_model *m)
{
	struct top_ui *ui = calloc(1, sizeof(*ui));

	if (ui)
		ui->m = m;
	return ui;
}

static void put_requests(struct top_requests *r)
{
	unsigned int i;

	for (i = 0; i < r->last_cnt; i++)
		sample_put(r->last[i]);
	for (i = 0; i < r->slowest_cnt; i++)
		sample_put(r->slowest[i]);
	*r = (struct top_requests){0};
}

void top_ui_free(struct top_ui *ui)
{
	if (!ui)
		return;
	put_requests(&ui->requests);
	sample_put(ui->request);
	for (unsigned int i = 0; i < ui->line_size; i++)
		buf_free(&ui->lines[i].text);
	free(ui->lines);
	buf_free(&ui->cursor_id);
	buf_free(&ui->group_id);
	buf_free(&ui->group_title);
	buf_free(&ui->scratch);
	text_free(&ui->text);
	free(ui);
}

const char *top_choice_name(enum top_choice what, unsigned int i)
{
	switch (what) {
	case CHOOSE_SORT:
		return i <= STATS_BY_KEY ? stats_sort_names[i] : NULL;
	case CHOOSE_KEY:
		return i < STATS_KEYS ? stats_key_name(i) : NULL;
	case CHOOSE_TIME:
		return i <= PART_READ ? part_name(i) : NULL;
	}
	return NULL;
}

static size_t choice_cnt(enum top_choice what)
{
	unsigned int n = 0;

	while (top_choice_name(what, n))
		n++;
	return n;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Moves the cursor, or where there is none the first line. True: the key is one of those that do. */
static bool move(size_t *at, unsigned int page, size_t cnt, unsigned int key)
{
	size_t last = cnt ? cnt - 1 : 0;

	if (page > 1)
		page--;
	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		*at -= *at > 0;
		break;
	case TOP_KEY_DOWN:
	case 'j':
		*at += *at < last;
		break;
	case TOP_KEY_PAGE_UP:
	case CTRL('B'):
		*at -= *at > page ? page : *at;
		break;
	case TOP_KEY_PAGE_DOWN:
	case CTRL('F'):
		*at = last - *at > page ? *at + page : last;
		break;
	case TOP_KEY_HOME:
		*at = 0;
		break;
	case TOP_KEY_END:
	case 'G':
		*at = last;
		break;
	default:
		return false;
	}
	return true;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct stats_group *row_at_cursor(const struct top_ui *ui)
{
	size_t cnt, all;
	const struct stats_group *const *rows = top_model_rows(ui->m, &cnt, &all);

	return ui->table.at < cnt ? rows[ui->table.at] : NULL;
}

static void note_cursor(struct top_ui *ui)
{
	const struct stats_group *g = row_at_cursor(ui);

	ui->follow = g && ui->table.at;
	if (ui->follow)
		top_model_id(ui->m, g, &ui->cursor_id);
}

/* After the rows have changed: the cursor goes with its row, unless it stands in the first line. */
static void find_cursor(struct top_ui *ui)
{
	size_t cnt, all, i;
	const struct stats_group *const *rows = top_model_rows(ui->m, &cnt, &all);
	const struct stats_group *g = ui->follow ? top_model_find(ui->m, &ui->cursor_id) : NULL;

	for (i = 0; g && i < cnt; i++)
		if (rows[i] == g)
			ui->table.at = i;
	if (ui->table.at >= cnt)
		ui->table.at = cnt ? cnt - 1 : 0;
}

static void forget_widths(struct top_ui *ui)
{
	memset(ui->key_width, 0, sizeof(ui->key_width));
	memset(ui->width, 0, sizeof(ui->width));
}

static void order(struct top_ui *ui, enum stats_sort by, bool reverse)
{
	top_model_order(ui->m, by, reverse);
	find_cursor(ui);
}

/* The column beside, in the order in which they stand; the keys are the first. */
static void sort_beside(struct top_ui *ui, int step)
{
	const struct stats_options *opt = top_model_options(ui->m);
	int at = -1, n;

	for (n = 0; n < COLUMNS; n++)
		if (column_info[n].sort == opt->sort)
			at = n;
	at += step;
	if (at < -1)
		at = COLUMNS - 1;
	if (at == COLUMNS)
		at = -1;
	order(ui, at < 0 ? STATS_BY_KEY : column_info[at].sort, opt->reverse);
}

static void apply_filter(struct top_ui *ui)
{
	ui->filter[ui->filter_len] = 0;
	ui->failed |= top_model_filter(ui->m, ui->filter) != 0;
	find_cursor(ui);
}

static void edit_filter(struct top_ui *ui, unsigned int key)
{
	switch (key) {
	case TOP_KEY_ENTER:
		ui->editing = false;
		return;
	case TOP_KEY_ESCAPE:
		ui->editing = false;
		ui->filter_len = 0;
		break;
	case CTRL('U'):
		ui->filter_len = 0;
		break;
	case TOP_KEY_BACKSPACE:
		while (ui->filter_len && (ui->filter[ui->filter_len - 1] & 0xc0) == 0x80)
			ui->filter_len--;
		ui->filter_len -= ui->filter_len > 0;
		break;
	default:
		if (key < ' ' || key > 0xff || key == 0x7f ||
		    ui->filter_len + 1 >= TOP_FILTER_MAX) {
			move(&ui->table.at, ui->table.seen, SIZE_MAX, key >= 0x100 ? key : 0);
			find_cursor(ui);
			return;
		}
		ui->filter[ui->filter_len++] = (char)key;
		break;
	}
	apply_filter(ui);
}

/* --- a group ---------------------------------------------------------------------------------- */

static unsigned int seen_of(const struct top_ui *ui, bool slowest)
{
	unsigned int cnt = slowest ? ui->requests.slowest_cnt : ui->requests.last_cnt;
	unsigned int seen = top_requests_seen(ui);

	return cnt < seen ? cnt : seen;
}

static struct sample *request_at_cursor(const struct top_ui *ui)
{
	if (ui->request_at >= seen_of(ui, ui->in_slowest))
		return NULL;
	return (ui->in_slowest ? ui->requests.slowest : ui->requests.last)[ui->request_at];
}

static void hold_requests(const struct samples *from, struct top_requests *to)
{
	struct sample *s;

	for (; from && (s = samples_last(from, to->last_cnt)); to->last_cnt++)
		to->last[to->last_cnt] = sample_get(s);
	for (; from && to->slowest_cnt < from->slowest_cnt; to->slowest_cnt++)
		to->slowest[to->slowest_cnt] = sample_get(from->slowest[to->slowest_cnt]);
}

/* What came to the group since. The cursor goes with its request, as long as that is seen. */
static void renew_group(struct top_ui *ui)
{
	const struct stats_group *g = top_model_find(ui->m, &ui->group_id);
	const struct sample *under = request_at_cursor(ui);
	struct top_requests now = {0};
	unsigned int i, cnt;

	ui->group_is_there = g;
	if (!g)
		return;
	ui->group = *g;
	hold_requests(g->samples, &now);
	cnt = ui->in_slowest ? now.slowest_cnt : now.last_cnt;
	for (i = 0; under && i < cnt; i++)
		if ((ui->in_slowest ? now.slowest : now.last)[i] == under)
			ui->request_at = i;
	/* Only now: `under` may be held by nobody else. */
	put_requests(&ui->requests);
	ui->requests = now;
	cnt = seen_of(ui, ui->in_slowest);
	if (ui->request_at >= cnt)
		ui->request_at = cnt ? cnt - 1 : 0;
}

static enum tx_side side_of(const char *name)
{
	static const char *const sides[] = {"", "client", "server", "transit"};

	for (enum tx_side side = SIDE_CLIENT; side <= SIDE_TRANSIT; side++)
		if (strcmp(name, sides[side]) == 0)
			return side;
	return SIDE_UNKNOWN;
}

static void title_group(struct top_ui *ui, const struct stats_group *g)
{
	const struct stats_options *opt = top_model_options(ui->m);
	struct buf *b = &ui->group_title;

	buf_reset(b);
	for (unsigned int i = 0; i <= opt->by_cnt; i++) {
		if (!column_key_name(opt, i, false))
			continue;
		buf_printf(b, "%s%s ", i ? "  " : "", column_key_name(opt, i, false));
		if (!g->value[i][0])
			buf_puts(b, "-");
		cell_put(b, g->value[i], strlen(g->value[i]), UINT32_MAX - 2);
	}
}

static void open_group(struct top_ui *ui)
{
	const struct stats_group *g = row_at_cursor(ui);

	if (!g)
		return;
	put_requests(&ui->requests);
	ui->in_slowest = false;
	ui->request_at = 0;
	ui->group_side = side_of(g->value[0]);
	top_model_id(ui->m, g, &ui->group_id);
	title_group(ui, g);
	renew_group(ui);
	ui->page = PAGE_GROUP;
}

static void open_request(struct top_ui *ui)
{
	struct sample *s = request_at_cursor(ui);

	if (!s)
		return;
	sample_put(ui->request);
	ui->request = sample_get(s);
	ui->reading = (struct top_list){0};
	ui->page = PAGE_REQUEST;
}

/* The last ones and the slowest are one list for the cursor. */
static void move_request(struct top_ui *ui, unsigned int key)
{
	unsigned int last = seen_of(ui, false), slowest = seen_of(ui, true);
	size_t at = ui->request_at + (ui->in_slowest ? last : 0);

	move(&at, last, last + slowest, key);
	ui->in_slowest = at >= last && slowest;
	ui->request_at = (unsigned int)(at - (ui->in_slowest ? last : 0));
}

/* --- choices ---------------------------------------------------------------------------------- */

static void open_choice(struct top_ui *ui, enum top_choice what)
{
	const struct stats_options *opt = top_model_options(ui->m);

	ui->below = ui->page;
	ui->page = PAGE_CHOICE;
	ui->choice = what;
	ui->chosen_cnt = 0;
	ui->choices = (struct top_list){
		.at = what == CHOOSE_SORT  ? (size_t)opt->sort
		      : what == CHOOSE_KEY ? (size_t)opt->by[0]
					   : (size_t)opt->time,
	};
}

static void toggle(struct top_ui *ui)
{
	enum stats_key key = (enum stats_key)ui->choices.at;
	unsigned int i;

	for (i = 0; i < ui->chosen_cnt && ui->chosen[i] != key; i++)
		;
	if (i == ui->chosen_cnt) {
		ui->chosen[ui->chosen_cnt++] = key;
		return;
	}
	ui->chosen_cnt--;
	for (; i < ui->chosen_cnt; i++)
		ui->chosen[i] = ui->chosen[i + 1];
}

static void regroup(struct top_ui *ui, const struct stats_options *opt)
{
	ui->failed |= top_model_regroup(ui->m, opt) != 0;
	ui->follow = false;
	ui->table = (struct top_list){.seen = ui->table.seen};
	forget_widths(ui);
}

static void choose(struct top_ui *ui)
{
	struct stats_options opt = *top_model_options(ui->m);

	ui->page = ui->below;
	switch (ui->choice) {
	case CHOOSE_SORT:
		order(ui, (enum stats_sort)ui->choices.at, opt.reverse);
		return;
	case CHOOSE_TIME:
		opt.time = (enum part)ui->choices.at;
		break;
	case CHOOSE_KEY:
		if (!ui->chosen_cnt)
			toggle(ui);
		memcpy(opt.by, ui->chosen, sizeof(opt.by));
		opt.by_cnt = ui->chosen_cnt;
		break;
	}
	regroup(ui, &opt);
}

static void key_in_choice(struct top_ui *ui, unsigned int key)
{
	if (move(&ui->choices.at, ui->choices.seen, choice_cnt(ui->choice), key))
		return;
	if (key == TOP_KEY_ENTER)
		choose(ui);
	else if (key == TOP_KEY_ESCAPE || key == 'q')
		ui->page = ui->below;
	else if (key == ' ' && ui->choice == CHOOSE_KEY)
		toggle(ui);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void go_back(struct top_ui *ui)
{
	switch (ui->page) {
	case PAGE_REQUEST:
		ui->page = PAGE_GROUP;
		if (!ui->paused)
			renew_group(ui);
		break;
	case PAGE_GROUP:
		ui->page = PAGE_TABLE;
		break;
	default:
		ui->page = ui->below;
		break;
	}
}

static void reset(struct top_ui *ui)
{
	top_model_reset(ui->m, ui->status.now_ns);
	ui->failed |= top_model_snapshot(ui->m) != 0;
	ui->follow = false;
	forget_widths(ui);
	find_cursor(ui);
}

/* Those of the table alone. False: it is none. */
static bool key_in_table(struct top_ui *ui, unsigned int key)
{
	const struct stats_options *opt = top_model_options(ui->m);
	size_t cnt, all;

	top_model_rows(ui->m, &cnt, &all);
	if (move(&ui->table.at, ui->table.seen, cnt, key)) {
		note_cursor(ui);
		return true;
	}
	switch (key) {
	case TOP_KEY_ENTER:
		open_group(ui);
		break;
	case '/':
		ui->editing = true;
		break;
	case TOP_KEY_ESCAPE:
		ui->filter_len = 0;
		apply_filter(ui);
		break;
	case 's':
		open_choice(ui, CHOOSE_SORT);
		break;
	case 'g':
	case 'b':
		open_choice(ui, CHOOSE_KEY);
		break;
	case 't':
		open_choice(ui, CHOOSE_TIME);
		break;
	case '<':
	case TOP_KEY_LEFT:
		sort_beside(ui, -1);
		break;
	case '>':
	case TOP_KEY_RIGHT:
		sort_beside(ui, 1);
		break;
	case 'r':
		order(ui, opt->sort, !opt->reverse);
		break;
	case 'z':
		reset(ui);
		break;
	default:
		return false;
	}
	return true;
}

static enum top_wish key_anywhere(struct top_ui *ui, unsigned int key)
{
	switch (key) {
	case 'q':
		if (ui->page == PAGE_TABLE)
			return TOP_QUIT;
		go_back(ui);
		break;
	case TOP_KEY_ESCAPE:
		if (ui->page != PAGE_TABLE)
			go_back(ui);
		break;
	case 'p':
	case ' ':
		ui->paused = !ui->paused;
		break;
	case '?':
	case 'h':
		if (ui->page == PAGE_HELP)
			break;
		ui->below = ui->page;
		ui->page = PAGE_HELP;
		ui->reading = (struct top_list){0};
		break;
	default:
		break;
	}
	return TOP_NOTHING;
}

enum top_wish top_ui_key(struct top_ui *ui, unsigned int key)
{
	if (key == CTRL('L'))
		return TOP_REDRAW;
	if (key == '\r' || key == '\n')
		key = TOP_KEY_ENTER;
	if (ui->editing) {
		edit_filter(ui, key);
		return TOP_NOTHING;
	}
	switch (ui->page) {
	case PAGE_TABLE:
		if (key_in_table(ui, key))
			return TOP_NOTHING;
		break;
	case PAGE_GROUP:
		move_request(ui, key);
		if (key == TOP_KEY_ENTER)
			open_request(ui);
		break;
	case PAGE_CHOICE:
		key_in_choice(ui, key);
		return TOP_NOTHING;
	case PAGE_REQUEST:
	case PAGE_HELP:
		/* How many lines there are is known when they are drawn. */
		move(&ui->reading.at, ui->reading.seen, SIZE_MAX, key);
		break;
	}
	return key_anywhere(ui, key);
}

void top_ui_status(struct top_ui *ui, const struct top_status *status, bool fresh)
{
	ui->status = *status;
	ui->text.owners = status->owners;
	if (!fresh || ui->paused)
		return;
	ui->failed |= top_model_snapshot(ui->m) != 0;
	find_cursor(ui);
	if (ui->page == PAGE_GROUP || (ui->page == PAGE_HELP && ui->below == PAGE_GROUP))
		renew_group(ui);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "top_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"

struct top_model {
	struct stats_options opt;
	bool live;
	struct stats *stats;
	struct stats *sides; /* without keys */

	struct sample *oldest, *newest; /* the history */
	size_t held, max_bytes;
	uint64_t seq, tick_seq,
		last_tick_seq; /* of the next; of the first after the last tick, and the
						* one before */
	uint64_t tick_ns, interval_ns;
	uint64_t sides_since_ns;
	bool forgot; /* the history has lost some since the start or the reset */
	struct top_covers covers;

	struct stats_group *rows; /* the snapshot */
	size_t row_cnt;
	struct stats_group *side_rows;
	size_t side_cnt;
	const struct stats_group **shown; /* of `rows` */
	size_t shown_cnt;
	char *filter; /* NULL: none */
	struct buf text;
};

static struct stats *sides_new(const struct stats_options *opt)
{
	return stats_new(&(struct stats_options){.time = opt->time});
}

static struct stats *groups_new(const struct stats_options *opt)
{
	struct stats_options kept = *opt;

	kept.keep = true;
	return stats_new(&kept);
}

struct top_model *top_model_new(const struct stats_options *opt, bool live, size_t max_bytes)
{
	struct top_model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->opt = *opt;
	m->live = live;
	m->max_bytes = max_bytes;
	m->stats = groups_new(opt);
	m->sides = sides_new(opt);
	if (m->stats && m->sides)
		return m;
	top_model_free(m);
	return NULL;
}

static void drop_oldest(struct top_model *m)
{
	struct sample *s = m->oldest;

	m->oldest = s->next;
	if (!m->oldest)
		m->newest = NULL;
	s->next = NULL;
	sample_put(s);
}

static void forget_rows(struct top_model *m)
{
	m->row_cnt = m->side_cnt = m->shown_cnt = 0;
}

void top_model_free(struct top_model *m)
{
	if (!m)
		return;
	stats_free(m->stats);
	stats_free(m->sides);
	while (m->oldest)
		drop_oldest(m);
	free(m->rows);
	free(m->side_rows);
	free(m->shown);
	free(m->filter);
	buf_free(&m->text);
	free(m);
}

/* --- transactions ----------------------------------------------------------------------------- */

/* Down to the bound: the history first, and where the groups hold it all, theirs. */
static void make_room(struct top_model *m)
{
	while (m->held > m->max_bytes && m->oldest) {
		drop_oldest(m);
		m->forgot = true;
	}
	if (m->held <= m->max_bytes)
		return;
	stats_forget_samples(m->stats);
	m->covers.forgotten++;
}

int top_model_add(struct top_model *m, const struct view *v)
{
	struct sample *s = sample_new(v, &m->held);
	int err;

	if (!s)
		return -ENOMEM;
	s->seq = m->seq++;
	err = stats_add(m->sides, &s->record.tx, NULL);
	if (!err)
		err = stats_add_sample(m->stats, s);
	if (m->newest)
		m->newest->next = s;
	else
		m->oldest = s;
	m->newest = s;
	make_room(m);
	return err;
}

void top_model_start(struct top_model *m, uint64_t now_ns)
{
	m->tick_ns = m->covers.since_ns = m->sides_since_ns = now_ns;
	stats_mark(m->stats);
	stats_mark(m->sides);
}

void top_model_tick(struct top_model *m, uint64_t now_ns)
{
	m->interval_ns = now_ns > m->tick_ns ? now_ns - m->tick_ns : 0;
	m->tick_ns = now_ns;
	m->last_tick_seq = m->tick_seq;
	m->tick_seq = m->seq;
	stats_mark(m->stats);
	stats_mark(m->sides);
}

/* Counts the history. Marks where ticks were, so that the last interval stays what it was. */
static int count_history(struct top_model *m, bool with_sides)
{
	const uint64_t marks[] = {m->last_tick_seq, m->tick_seq};
	struct sample *s = m->oldest;
	unsigned int i = 0;
	int err = 0;

	for (;;) {
		for (; m->live && i < 2 && (!s || s->seq >= marks[i]); i++) {
			stats_mark(m->stats);
			if (with_sides)
				stats_mark(m->sides);
		}
		if (!s || err)
			break;
		err = stats_add_sample(m->stats, s);
		if (!err && with_sides)
			err = stats_add(m->sides, &s->record.tx, NULL);
		s = s->next;
	}
	return err;
}

static void note_coverage(struct top_model *m, bool with_sides)
{
	if (!m->forgot)
		return;
	m->covers.part = true;
	m->covers.reset = false;
	m->covers.has_time = m->oldest && m->oldest->has_time;
	if (!m->oldest)
		return;
	m->covers.time_ns = m->oldest->time_ns;
	m->covers.since_ns = view_start_ns(&m->oldest->record.tx);
	if (with_sides)
		m->sides_since_ns = m->covers.since_ns;
}

int top_model_regroup(struct top_model *m, const struct stats_options *opt)
{
	/* The sides have no keys: they change with the time alone, and keep what the history has not
	 * otherwise. */
	bool with_sides = opt->time != m->opt.time;
	struct stats *stats = groups_new(opt), *sides = with_sides ? sides_new(opt) : NULL;
	int err;

	if (!stats || (with_sides && !sides)) {
		stats_free(stats);
		stats_free(sides);
		return -ENOMEM;
	}
	forget_rows(m);
	stats_free(m->stats);
	m->stats = stats;
	if (sides) {
		stats_free(m->sides);
		m->sides = sides;
	}
	m->opt = *opt;
	err = count_history(m, with_sides);
	note_coverage(m, with_sides);
	return err ? err : top_model_snapshot(m);
}

void top_model_reset(struct top_model *m, uint64_t now_ns)
{
	forget_rows(m);
	stats_reset(m->stats);
	stats_reset(m->sides);
	while (m->oldest)
		drop_oldest(m);
	m->forgot = false;
	m->covers = (struct top_covers){
		.part = true, .reset = true, .since_ns = now_ns, .forgotten = m->covers.forgotten};
	m->last_tick_seq = m->tick_seq = m->seq;
	if (m->live)
		top_model_start(m, now_ns);
	m->interval_ns = 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int keep_rows(struct stats *s, struct stats_group **rows, size_t *cnt)
{
	const struct stats_group *groups;
	struct stats_group *copy;
	size_t n;
	int err = stats_groups(s, &groups, &n);

	if (err)
		return err;
	copy = realloc(*rows, (n + 1) * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, groups, n * sizeof(*copy));
	*rows = copy;
	*cnt = n;
	return 0;
}

/* A text without the controls that are in no key's value as it is shown: it cannot match across two values. */
static void put_shown(struct top_model *m, const struct stats_group *g)
{
	buf_reset(&m->text);
	for (unsigned int i = 0; i <= m->opt.by_cnt; i++) {
		cell_put(&m->text, g->value[i], strlen(g->value[i]), UINT32_MAX - 2);
		buf_puts(&m->text, "\n");
	}
	buf_add(&m->text, "", 1);
}

static bool matches(struct top_model *m, const struct stats_group *g)
{
	if (!m->filter)
		return true;
	put_shown(m, g);
	return !m->text.failed && strcasestr(m->text.ptr, m->filter);
}

static int choose_rows(struct top_model *m)
{
	const struct stats_group **shown = realloc(m->shown, (m->row_cnt + 1) * sizeof(*shown));

	m->shown_cnt = 0;
	if (!shown)
		return -ENOMEM;
	m->shown = shown;
	stats_order(m->rows, m->row_cnt, m->opt.sort, m->opt.reverse);
	for (size_t i = 0; i < m->row_cnt; i++)
		if (matches(m, &m->rows[i]))
			shown[m->shown_cnt++] = &m->rows[i];
	return 0;
}

int top_model_snapshot(struct top_model *m)
{
	int err;

	forget_rows(m);
	err = keep_rows(m->stats, &m->rows, &m->row_cnt);
	if (!err)
		err = keep_rows(m->sides, &m->side_rows, &m->side_cnt);
	return err ? err : choose_rows(m);
}

void top_model_order(struct top_model *m, enum stats_sort by, bool reverse)
{
	m->opt.sort = by;
	m->opt.reverse = reverse;
	if (m->rows)
		choose_rows(m);
}

int top_model_filter(struct top_model *m, const char *text)
{
	char *copy = *text ? strdup(text) : NULL;

	if (*text && !copy)
		return -ENOMEM;
	free(m->filter);
	m->filter = copy;
	return m->rows ? choose_rows(m) : 0;
}

const struct stats_options *top_model_options(const struct top_model *m)
{
	return &m->opt;
}

const struct stats_group *const *top_model_rows(const struct top_model *m, size_t *cnt, size_t *all)
{
	*cnt = m->shown_cnt;
	*all = m->row_cnt;
	return m->shown;
}

void top_model_id(const struct top_model *m, const struct stats_group *g, struct buf *id)
{
	buf_reset(id);
	buf_puts(id, g->other ? "o" : "g");
	for (unsigned int i = 0; i <= m->opt.by_cnt; i++)
		buf_add(id, g->value[i], strlen(g->value[i]) + 1);
}

const struct stats_group *top_model_find(const struct top_model *m, const struct buf *id)
{
	const struct stats_group *found = NULL;
	struct buf other = {0};

	for (size_t i = 0; !found && i < m->row_cnt; i++) {
		top_model_id(m, &m->rows[i], &other);
		if (!other.failed && other.len == id->len && !memcmp(other.ptr, id->ptr, id->len))
			found = &m->rows[i];
	}
	buf_free(&other);
	return found;
}

const struct stats_group *top_model_sides(const struct top_model *m, size_t *cnt)
{
	*cnt = m->side_cnt;
	return m->side_rows;
}

uint64_t top_model_rate_ns(const struct top_model *m)
{
	return m->live ? m->interval_ns : stats_span_ns(m->stats);
}

uint64_t top_model_span_ns(const struct top_model *m, uint64_t now_ns)
{
	if (!m->live)
		return stats_span_ns(m->sides);
	return now_ns > m->sides_since_ns ? now_ns - m->sides_since_ns : 0;
}

struct top_covers top_model_covers(const struct top_model *m)
{
	return m->covers;
}

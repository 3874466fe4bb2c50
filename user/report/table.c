// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <errno.h>
#include <hdr/hdr_histogram.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "columns.h"
#include "escape.h"
#include "jsonout.h"

/* Of a key's value in text, in characters. */
#define VALUE_SHOWN 60

/* --- text ------------------------------------------------------------------------------------- */

#define CELLS (STATS_KEYS + 1 + COLUMNS)

struct cells {
	struct buf text; /* each ends with NUL */
	size_t at[CELLS];
	unsigned int cnt;
};

static void begin_cell(struct cells *c)
{
	c->at[c->cnt++] = c->text.len;
}

static void end_cell(struct cells *c)
{
	if (c->text.len == c->at[c->cnt - 1])
		buf_puts(&c->text, "-");
	buf_add(&c->text, "", 1);
}

/* Characters: what continues a UTF-8 character has no width. */
static unsigned int width_of(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* Escaped; what is too long loses its end. */
static void put_value(struct cells *c, const char *value, size_t max)
{
	size_t len = strlen(value), begin = c->text.len;
	char *dst = buf_room(&c->text, len * ESCAPE_TEXT_GROWTH + 3);

	if (!dst)
		return;
	len = escape_text(dst, value, len);
	if (len > max) {
		len = max - 2;
		while (len && (dst[len] & 0xc0) == 0x80)
			len--;
		memcpy(dst + len, "..", 2);
		len += 2;
	}
	c->text.len = begin + len;
}

static void put_titles(struct cells *c, const struct table_options *opt)
{
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		if (!column_key_name(opt->stats, i, false))
			continue;
		begin_cell(c);
		column_put_title(&c->text, opt->stats, i);
		end_cell(c);
	}
	for (enum column n = 0; n < COLUMNS; n++) {
		if (column_info[n].optional)
			continue;
		begin_cell(c);
		buf_puts(&c->text, column_info[n].title);
		end_cell(c);
	}
}

static void put_group(struct cells *c, const struct stats_group *g, const struct table_options *opt)
{
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		if (!column_key_name(opt->stats, i, false))
			continue;
		begin_cell(c);
		put_value(c, g->value[i], VALUE_SHOWN);
		end_cell(c);
	}
	for (enum column n = 0; n < COLUMNS; n++) {
		if (column_info[n].optional)
			continue;
		begin_cell(c);
		column_put(&c->text, g, n, opt->elapsed_ns);
		end_cell(c);
	}
}

static void print_cells(FILE *out, const struct cells *c, const unsigned int *width,
			unsigned int left)
{
	for (unsigned int i = 0; i < c->cnt; i++) {
		const char *text = c->text.ptr + c->at[i];
		int fill = (int)(width[i] - width_of(text));

		fprintf(out, "%s%*s%s%*s", i ? "  " : "", i < left ? 0 : fill, "", text,
			i < left ? fill : 0, "");
	}
	putc('\n', out);
}

static int print_text(FILE *out, const struct stats_group *groups, size_t cnt,
		      const struct table_options *opt)
{
	struct cells *rows = calloc(cnt + 1, sizeof(*rows));
	unsigned int width[CELLS] = {0}, left = 0;
	bool failed = false;
	size_t i;

	if (!rows)
		return -ENOMEM;
	put_titles(&rows[0], opt);
	for (unsigned int k = 0; k <= opt->stats->by_cnt; k++)
		left += column_key_name(opt->stats, k, false) != NULL;
	for (i = 0; i < cnt; i++)
		put_group(&rows[i + 1], &groups[i], opt);
	for (i = 0; i <= cnt; i++) {
		failed |= rows[i].text.failed;
		for (unsigned int k = 0; !failed && k < rows[i].cnt; k++) {
			unsigned int w = width_of(rows[i].text.ptr + rows[i].at[k]);

			if (w > width[k])
				width[k] = w;
		}
	}
	for (i = 0; i <= cnt; i++) {
		if (!failed)
			print_cells(out, &rows[i], width, left);
		buf_free(&rows[i].text);
	}
	free(rows);
	return failed ? -ENOMEM : 0;
}

/* --- histograms ------------------------------------------------------------------------------- */

#define LOG2_ROWS 64
#define BAR	  40

/* As BCC's print_log2_hist() draws it. */
static void print_log2(FILE *out, const uint64_t *slot)
{
	unsigned int first = LOG2_ROWS, last = 0, i;
	uint64_t most = 1;

	for (i = 0; i < LOG2_ROWS; i++) {
		if (!slot[i])
			continue;
		if (first == LOG2_ROWS)
			first = i;
		last = i;
		if (slot[i] > most)
			most = slot[i];
	}
	fprintf(out, "%21s : %-8s distribution\n", "usecs", "count");
	for (i = first; i <= last && i < LOG2_ROWS; i++) {
		int stars = (int)((double)slot[i] / (double)most * BAR + 0.5);

		fprintf(out, "%10" PRIu64 " -> %-7" PRIu64 " : %-8" PRIu64 " |%.*s%*s|\n",
			i ? UINT64_C(1) << i : 0, (UINT64_C(2) << i) - 1, slot[i], stars,
			"****************************************", BAR - stars, "");
	}
}

static void print_histogram(FILE *out, const struct stats_group *g, const struct table_options *opt)
{
	uint64_t slot[LOG2_ROWS] = {0};
	struct hdr_iter iter;
	struct cells c = {0};

	if (!g->histogram)
		return;
	putc('\n', out);
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		if (!column_key_name(opt->stats, i, false))
			continue;
		begin_cell(&c);
		put_value(&c, g->value[i], VALUE_SHOWN);
		end_cell(&c);
		if (!c.text.failed)
			fprintf(out, "%s = %s  ", column_key_name(opt->stats, i, false),
				c.text.ptr + c.at[c.cnt - 1]);
	}
	buf_free(&c.text);
	fprintf(out, "(%s)\n", part_name(opt->stats->time));
	hdr_iter_recorded_init(&iter, g->histogram);
	while (hdr_iter_next(&iter)) {
		uint64_t us = (uint64_t)iter.value / 1000;

		slot[us > 1 ? 63 - __builtin_clzll(us) : 0] += (uint64_t)iter.count;
	}
	print_log2(out, slot);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static bool is_integer(enum stats_key key)
{
	return key == STATS_PID || key == STATS_STATUS || key == STATS_PORT;
}

static void json_group(struct jsonout *o, const struct stats_group *g,
		       const struct table_options *opt)
{
	char text[64];

	jsonout_open(o, '{');
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		const char *key = column_key_name(opt->stats, i, true);

		if (!key || !g->value[i][0])
			continue;
		jsonout_key(o, key);
		if (i && is_integer(opt->stats->by[i - 1]) && !g->other)
			jsonout_number(o, g->value[i], strlen(g->value[i]));
		else
			jsonout_text(o, g->value[i], strlen(g->value[i]));
	}
	for (enum column n = 0; n < COLUMNS; n++) {
		if (n == COLUMN_P50) {
			jsonout_key(o, "time");
			jsonout_plain(o, part_name(opt->stats->time),
				      strlen(part_name(opt->stats->time)));
		}
		if (!column_known(g, n, opt->elapsed_ns))
			continue;
		jsonout_key(o, column_info[n].key);
		if (n == COLUMN_RATE)
			jsonout_number(o, text,
				       (size_t)snprintf(text, sizeof(text), "%.3f",
							column_rate(g, opt->elapsed_ns)));
		else
			jsonout_i64(o, (long long)column_number(g, n));
	}
	jsonout_close(o, '}');
}

static int print_json(FILE *out, const struct stats_group *groups, size_t cnt,
		      const struct table_options *opt)
{
	struct jsonout o = {0};
	int err = 0;

	for (size_t i = 0; !err && i < cnt; i++) {
		json_group(&o, &groups[i], opt);
		err = jsonout_print(&o, out);
	}
	jsonout_free(&o);
	return err;
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* RFC 4180 §2: in quotes, which are doubled. A spreadsheet takes what begins with one of =+-@ for a
 * formula: a quote mark before it keeps it text. */
static void csv_value(FILE *out, const char *value)
{
	if (!value[0])
		return;
	putc('"', out);
	if (strchr("=+-@\t\r", value[0]))
		putc('\'', out);
	for (; *value; value++) {
		if (*value == '"')
			putc('"', out);
		putc(*value, out);
	}
	putc('"', out);
}

static void csv_header(FILE *out, const struct table_options *opt)
{
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++)
		if (column_key_name(opt->stats, i, true))
			fprintf(out, "%s,", column_key_name(opt->stats, i, true));
	for (enum column n = 0; n < COLUMNS; n++)
		fprintf(out, "%s%s%s", n == COLUMN_P50 ? "time," : "", column_info[n].key,
			n + 1 < COLUMNS ? "," : "\r\n");
}

static int print_csv(FILE *out, const struct stats_group *groups, size_t cnt,
		     const struct table_options *opt)
{
	struct cells c = {0};

	if (opt->header)
		csv_header(out, opt);
	for (size_t k = 0; k < cnt; k++) {
		const struct stats_group *g = &groups[k];

		for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
			if (!column_key_name(opt->stats, i, true))
				continue;
			c.cnt = 0;
			buf_reset(&c.text);
			begin_cell(&c);
			put_value(&c, g->value[i], SIZE_MAX);
			buf_add(&c.text, "", 1);
			if (!c.text.failed)
				csv_value(out, c.text.ptr);
			putc(',', out);
		}
		for (enum column n = 0; n < COLUMNS; n++) {
			if (n == COLUMN_P50)
				fprintf(out, "%s,", part_name(opt->stats->time));
			if (column_known(g, n, opt->elapsed_ns) && n == COLUMN_RATE)
				fprintf(out, "%.3f", column_rate(g, opt->elapsed_ns));
			else if (column_known(g, n, opt->elapsed_ns))
				fprintf(out, "%" PRIu64, column_number(g, n));
			fputs(n + 1 < COLUMNS ? "," : "\r\n", out);
		}
	}
	buf_free(&c.text);
	return c.text.failed ? -ENOMEM : 0;
}

int table_print(FILE *out, struct stats *s, const struct table_options *opt)
{
	const struct stats_group *groups;
	size_t cnt, i;
	int err = stats_groups(s, &groups, &cnt);

	if (err)
		return err;
	errno = 0;
	if (opt->format == TABLE_JSON)
		return print_json(out, groups, cnt, opt);
	if (opt->format == TABLE_CSV)
		return print_csv(out, groups, cnt, opt);
	err = print_text(out, groups, cnt, opt);
	for (i = 0; !err && opt->histogram && i < cnt; i++)
		print_histogram(out, &groups[i], opt);
	return err;
}

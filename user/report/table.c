// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <errno.h>
#include <hdr/hdr_histogram.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "../units.h"
#include "buf.h"
#include "escape.h"
#include "jsontext.h"

/* Of a key's value in text, in characters. */
#define VALUE_SHOWN 60

/* --- what there is to say of a group -------------------------------------------------------- */

enum number {
	N_COUNT,
	N_RATE,
	N_ERRORS,
	N_P50,
	N_P90,
	N_P99,
	N_P999,
	N_MAX,
	N_MEAN,
	N_REQUEST_SIZE,
	N_RESPONSE_SIZE,
	NUMBERS,
};

static const struct {
	const char *title; /* NULL: not in text */
	const char *key;
	bool is_time;
} numbers[NUMBERS] = {
	[N_COUNT] = {"COUNT", "count", false},
	[N_RATE] = {"RATE", "rate", false},
	[N_ERRORS] = {"ERRORS", "errors", false},
	[N_P50] = {"P50", "p50_ns", true},
	[N_P90] = {"P90", "p90_ns", true},
	[N_P99] = {"P99", "p99_ns", true},
	[N_P999] = {"P99.9", "p999_ns", true},
	[N_MAX] = {"MAX", "max_ns", true},
	[N_MEAN] = {NULL, "mean_ns", true},
	[N_REQUEST_SIZE] = {"IN", "http.request.size", false},
	[N_RESPONSE_SIZE] = {"OUT", "http.response.size", false},
};

static uint64_t number_of(const struct stats_group *g, enum number n)
{
	switch (n) {
	case N_COUNT:
		return g->count;
	case N_ERRORS:
		return g->errors;
	case N_P50:
		return g->p50_ns;
	case N_P90:
		return g->p90_ns;
	case N_P99:
		return g->p99_ns;
	case N_P999:
		return g->p999_ns;
	case N_MAX:
		return g->max_ns;
	case N_MEAN:
		return g->mean_ns;
	case N_REQUEST_SIZE:
		return g->request_bytes;
	case N_RESPONSE_SIZE:
		return g->response_bytes;
	default:
		return 0;
	}
}

static bool has_number(const struct stats_group *g, enum number n, const struct table_options *opt)
{
	if (numbers[n].is_time)
		return g->timed > 0;
	return n != N_RATE || opt->elapsed_ns;
}

static double rate_of(const struct stats_group *g, const struct table_options *opt)
{
	return (double)g->count * 1e9 / (double)opt->elapsed_ns;
}

/* The column of a group's key: the side, then what was asked for; a side that was asked for as well
 * comes once. */
static const char *key_name(const struct table_options *opt, unsigned int i, bool json)
{
	enum stats_key key = i ? opt->stats->by[i - 1] : STATS_SIDE;

	if (i && key == STATS_SIDE)
		return NULL;
	return json ? stats_key_json(key) : stats_key_name(key);
}

/* --- text ------------------------------------------------------------------------------------- */

#define COLUMNS (STATS_KEYS + 1 + NUMBERS)

struct cells {
	struct buf text; /* each ends with NUL */
	size_t at[COLUMNS];
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

static void put_number(struct cells *c, const struct stats_group *g, enum number n,
		       const struct table_options *opt)
{
	char text[UNITS_DURATION_MAX];

	if (!has_number(g, n, opt))
		return;
	if (n == N_RATE)
		buf_printf(&c->text, "%.1f/s", rate_of(g, opt));
	else if (numbers[n].is_time)
		buf_puts(&c->text, units_format_duration(number_of(g, n), text));
	else
		buf_printf(&c->text, "%" PRIu64, number_of(g, n));
}

static void put_titles(struct cells *c, const struct table_options *opt)
{
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		const char *name = key_name(opt, i, false);

		if (!name)
			continue;
		begin_cell(c);
		for (; *name; name++)
			buf_add(&c->text, &(char){(char)(*name - ('a' - 'A'))}, 1);
		end_cell(c);
	}
	for (enum number n = 0; n < NUMBERS; n++) {
		if (!numbers[n].title)
			continue;
		begin_cell(c);
		buf_puts(&c->text, numbers[n].title);
		end_cell(c);
	}
}

static void put_group(struct cells *c, const struct stats_group *g, const struct table_options *opt)
{
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		if (!key_name(opt, i, false))
			continue;
		begin_cell(c);
		put_value(c, g->value[i], VALUE_SHOWN);
		end_cell(c);
	}
	for (enum number n = 0; n < NUMBERS; n++) {
		if (!numbers[n].title)
			continue;
		begin_cell(c);
		put_number(c, g, n, opt);
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
	unsigned int width[COLUMNS] = {0}, left = 0;
	bool failed = false;
	size_t i;

	if (!rows)
		return -ENOMEM;
	put_titles(&rows[0], opt);
	for (unsigned int k = 0; k <= opt->stats->by_cnt; k++)
		left += key_name(opt, k, false) != NULL;
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
		if (!key_name(opt, i, false))
			continue;
		begin_cell(&c);
		put_value(&c, g->value[i], VALUE_SHOWN);
		end_cell(&c);
		if (!c.text.failed)
			fprintf(out, "%s = %s  ", key_name(opt, i, false),
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

static void json_group(yajl_gen gen, struct buf *b, const struct stats_group *g,
		       const struct table_options *opt)
{
	char text[64];

	yajl_gen_map_open(gen);
	for (unsigned int i = 0; i <= opt->stats->by_cnt; i++) {
		const char *key = key_name(opt, i, true);

		if (!key || !g->value[i][0])
			continue;
		jsontext_key(gen, key);
		if (i && is_integer(opt->stats->by[i - 1]) && !g->other)
			yajl_gen_number(gen, g->value[i], strlen(g->value[i]));
		else
			jsontext_value(gen, b, g->value[i], strlen(g->value[i]));
	}
	for (enum number n = 0; n < NUMBERS; n++) {
		if (n == N_P50) {
			jsontext_key(gen, "time");
			jsontext_key(gen, part_name(opt->stats->time));
		}
		if (!has_number(g, n, opt))
			continue;
		jsontext_key(gen, numbers[n].key);
		if (n == N_RATE)
			yajl_gen_number(
				gen, text,
				(size_t)snprintf(text, sizeof(text), "%.3f", rate_of(g, opt)));
		else
			yajl_gen_integer(gen, (long long)number_of(g, n));
	}
	yajl_gen_map_close(gen);
}

static int print_json(FILE *out, const struct stats_group *groups, size_t cnt,
		      const struct table_options *opt)
{
	yajl_gen gen = yajl_gen_alloc(NULL);
	const unsigned char *text;
	struct buf scratch = {0};
	size_t i, len;
	int err = gen ? 0 : -ENOMEM;

	for (i = 0; !err && i < cnt; i++) {
		json_group(gen, &scratch, &groups[i], opt);
		if (scratch.failed || yajl_gen_get_buf(gen, &text, &len) != yajl_gen_status_ok)
			err = -ENOMEM;
		else if (fwrite(text, 1, len, out) != len || putc('\n', out) == EOF)
			err = errno ? -errno : -EIO;
		yajl_gen_clear(gen);
		yajl_gen_reset(gen, NULL);
	}
	if (gen)
		yajl_gen_free(gen);
	buf_free(&scratch);
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
		if (key_name(opt, i, true))
			fprintf(out, "%s,", key_name(opt, i, true));
	for (enum number n = 0; n < NUMBERS; n++)
		fprintf(out, "%s%s%s", n == N_P50 ? "time," : "", numbers[n].key,
			n + 1 < NUMBERS ? "," : "\r\n");
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
			if (!key_name(opt, i, true))
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
		for (enum number n = 0; n < NUMBERS; n++) {
			if (n == N_P50)
				fprintf(out, "%s,", part_name(opt->stats->time));
			if (has_number(g, n, opt) && n == N_RATE)
				fprintf(out, "%.3f", rate_of(g, opt));
			else if (has_number(g, n, opt))
				fprintf(out, "%" PRIu64, number_of(g, n));
			fputs(n + 1 < NUMBERS ? "," : "\r\n", out);
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

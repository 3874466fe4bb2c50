// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "body.h"
#include "buf.h"
#include "clock.h"
#include "explain.h"
#include "heat.h"
#include "join.h"
#include "json.h"
#include "summary.h"
#include "table.h"
#include "text.h"
#include "verbose.h"
#include "view.h"

#define SECOND_NS UINT64_C(1000000000)

struct report {
	struct report_options opt;
	struct view view[2]; /* the second is the other end's, where they are joined */
	struct text text;
	struct join *join;	/* NULL: not asked for */
	struct stats *stats;	/* NULL: lines */
	uint64_t table_from_ns; /* when the table that is being filled began; 0: not yet */
	unsigned int table_cnt;
	struct heat heat;
	uint64_t heat_from_ns; /* the second that is being filled; 0: not yet */
	uint64_t now_ns;       /* of the latest flush */
	uint64_t printed;
	struct json *json;
	struct buf line;
};

static int print_joined(void *ctx, const struct record *client, const struct record *server);

struct report *report_new(const struct report_options *opt)
{
	struct report *rp = calloc(1, sizeof(*rp));

	if (!rp)
		return NULL;
	rp->opt = *opt;
	rp->text.owners = opt->owners;
	rp->text.layout = opt->joined		       ? TEXT_JOINED
			  : opt->format == REPORT_WIDE ? TEXT_WIDE
						       : TEXT_PLAIN;
	rp->table_from_ns = rp->heat_from_ns = rp->now_ns = opt->started_ns;
	if (opt->stats)
		rp->heat.time = opt->stats->time;
	if (opt->format == REPORT_JSON)
		rp->json = json_new();
	if (opt->joined)
		rp->join = join_new(print_joined, rp);
	if (opt->stats)
		rp->stats = stats_new(opt->stats);
	if ((opt->format == REPORT_JSON && !rp->json) || (opt->joined && !rp->join) ||
	    (opt->stats && !rp->stats)) {
		report_free(rp);
		return NULL;
	}
	return rp;
}

void report_free(struct report *rp)
{
	if (!rp)
		return;
	json_free(rp->json);
	join_free(rp->join);
	stats_free(rp->stats);
	text_free(&rp->text);
	view_free(&rp->view[0]);
	view_free(&rp->view[1]);
	buf_free(&rp->line);
	free(rp);
}

uint64_t report_printed(const struct report *rp)
{
	return rp->printed;
}

/* What to add to a segment's time. */
static int64_t clock_offset(const struct report *rp, uint64_t time_ns)
{
	return rp->opt.clock ? wallclock_offset(rp->opt.clock, time_ns) : 0;
}

static int write_line(struct report *rp)
{
	errno = 0;
	if (fwrite(rp->line.ptr, 1, rp->line.len, rp->opt.out) != rp->line.len)
		return errno ? -errno : -EIO;
	return 0;
}

static int make_view(struct report *rp, unsigned int i, const struct transaction *tx,
		     const struct owner_names *names)
{
	return view_make(&rp->view[i], tx, names, clock_offset(rp, view_start_ns(tx)),
			 rp->opt.redact);
}

static bool is_full(const struct report *rp)
{
	return rp->opt.count && rp->printed >= rp->opt.count;
}

static int print_joined(void *ctx, const struct record *client, const struct record *server)
{
	struct report *rp = ctx;
	int err = 0;

	if (is_full(rp))
		return 0;
	rp->printed++;
	if (client)
		err = make_view(rp, 0, &client->tx, &client->names);
	if (server && !err)
		err = make_view(rp, 1, &server->tx, &server->names);
	if (err)
		return err;
	buf_reset(&rp->line);
	err = text_joined(&rp->text, client ? &rp->view[0] : NULL, server ? &rp->view[1] : NULL,
			  &rp->line);
	body_add_lines(&rp->line, client ? &client->tx : &server->tx);
	if (!err && rp->line.failed)
		err = -ENOMEM;
	return err ? err : write_line(rp);
}

/* --- heat ------------------------------------------------------------------------------------- */

static void format_clock(const struct report *rp, uint64_t now_ns, char text[16])
{
	time_t when = (time_t)(((int64_t)now_ns + clock_offset(rp, now_ns)) / 1000000000);
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(text, 16, "%H:%M:%S", &tm))
		text[0] = 0;
}

/* The seconds that are over at now_ns; UINT64_MAX: the one that is being filled as well. */
static void print_heat(struct report *rp, uint64_t now_ns)
{
	char clock[16];

	if (!rp->opt.heat)
		return;
	if (!rp->heat_from_ns)
		rp->heat_from_ns = now_ns;
	if (now_ns < rp->heat_from_ns + SECOND_NS)
		return;
	format_clock(rp, rp->heat_from_ns, clock);
	heat_print(&rp->heat, rp->opt.out, clock);
	rp->heat_from_ns += (now_ns - rp->heat_from_ns) / SECOND_NS * SECOND_NS;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Local time of day before the table of an interval, as BCC's tools show it. */
static void print_clock(struct report *rp, uint64_t now_ns)
{
	char text[16];

	format_clock(rp, now_ns, text);
	fprintf(rp->opt.out, "%s%s\n", rp->table_cnt ? "\n" : "", text);
}

static int print_table(struct report *rp, uint64_t elapsed_ns, uint64_t now_ns)
{
	const struct table_options opt = {
		.format = rp->json			 ? TABLE_JSON
			  : rp->opt.format == REPORT_CSV ? TABLE_CSV
							 : TABLE_TEXT,
		.stats = rp->opt.stats,
		.elapsed_ns = elapsed_ns,
		.header = !rp->table_cnt,
		.histogram = rp->opt.histogram,
	};
	int err;

	if (rp->opt.interval_ns && opt.format == TABLE_TEXT)
		print_clock(rp, now_ns);
	err = table_print(rp->opt.out, rp->stats, &opt);
	rp->table_cnt++;
	stats_reset(rp->stats);
	return err;
}

/* The tables that are due at now_ns, one for each interval that has passed, also for empty ones. */
static int print_due(struct report *rp, uint64_t now_ns)
{
	int err = 0;

	if (!rp->stats || !rp->opt.interval_ns)
		return 0;
	if (!rp->table_from_ns)
		rp->table_from_ns = now_ns;
	while (!err && now_ns >= rp->table_from_ns + rp->opt.interval_ns) {
		rp->table_from_ns += rp->opt.interval_ns;
		err = print_table(rp, rp->opt.interval_ns, rp->table_from_ns);
	}
	return err;
}

/* What is left at the end. */
static int print_last(struct report *rp)
{
	uint64_t elapsed = stats_span_ns(rp->stats);

	if (rp->opt.live)
		elapsed = rp->now_ns > rp->table_from_ns ? rp->now_ns - rp->table_from_ns : 0;
	if (!rp->printed)
		return 0;
	print_heat(rp, UINT64_MAX);
	if (rp->opt.heat)
		putc('\n', rp->opt.out);
	return print_table(rp, elapsed, rp->table_from_ns + elapsed);
}

static int count(struct report *rp, const struct transaction *tx, const struct owner_names *names)
{
	/* A file's time is that of its transactions. */
	uint64_t end = tx->resp.seen ? tx->resp.last_ns : tx->req.last_ns;
	int err = 0;

	if (!rp->opt.live) {
		print_heat(rp, end);
		err = print_due(rp, end);
	}
	if (rp->opt.heat)
		heat_add(&rp->heat, tx);
	return err ? err : stats_add(rp->stats, tx, names);
}

/* --- lines ------------------------------------------------------------------------------------ */

int report_transaction(struct report *rp, const struct transaction *tx,
		       const struct owner_names *names)
{
	int err = 0;

	if (rp->opt.har && !is_full(rp)) {
		err = make_view(rp, 0, tx, names);
		if (!err)
			har_add(rp->opt.har, &rp->view[0]); /* har_close() tells */
	}
	if (err)
		return err;
	if (rp->join)
		return join_add(rp->join, tx, names, rp->now_ns);
	if (is_full(rp))
		return 0;
	rp->printed++;
	if (rp->stats)
		return count(rp, tx, names);
	err = make_view(rp, 0, tx, names);
	if (err)
		return err;
	if (rp->opt.top)
		return top_model_add(rp->opt.top, &rp->view[0]);
	errno = 0;
	if (rp->json)
		return json_transaction(rp->json, rp->opt.out, &rp->view[0]);
	buf_reset(&rp->line);
	if (rp->opt.explain)
		err = explain_transaction(&rp->text, &rp->view[0], &rp->line);
	else
		err = text_transaction(&rp->text, &rp->view[0], &rp->line);
	body_add_lines(&rp->line, tx);
	if (!err && rp->line.failed)
		err = -ENOMEM;
	return err ? err : write_line(rp);
}

/* Seconds east of UTC at that time, so that segments show the same local time as transactions
 * do. */
static int64_t local_offset_ns(int64_t time_ns)
{
	time_t when = (time_t)(time_ns / 1000000000);
	struct tm tm;

	return localtime_r(&when, &tm) ? tm.tm_gmtoff * INT64_C(1000000000) : 0;
}

int report_segment(struct report *rp, const struct segment *seg)
{
	int64_t offset = clock_offset(rp, seg->time_ns);

	errno = 0;
	if (rp->json)
		return verbose_print_json(rp->opt.out, seg, offset);
	offset += local_offset_ns((int64_t)seg->time_ns + offset);
	return verbose_print(rp->opt.out, seg, offset);
}

int report_summary(struct report *rp, const struct counters *cnt,
		   const uint64_t kernel[EVENT_CNT_MAX])
{
	int err = 0;

	errno = 0;
	if (rp->join)
		err = join_expire(rp->join, UINT64_MAX);
	if (rp->stats)
		err = print_last(rp);
	if (rp->json && !err)
		err = json_summary(rp->json, rp->opt.out, cnt, kernel, rp->printed);
	if (!err)
		err = report_flush(rp, rp->now_ns);
	report_closing(rp, cnt, kernel);
	return err;
}

void report_closing(struct report *rp, const struct counters *cnt,
		    const uint64_t kernel[EVENT_CNT_MAX])
{
	summary_print(rp->opt.err, cnt, kernel, rp->printed);
}

int report_flush(struct report *rp, uint64_t now_ns)
{
	int err = 0;

	rp->now_ns = now_ns;
	if (rp->join)
		err = join_expire(rp->join, now_ns);
	if (!err && rp->opt.live) {
		print_heat(rp, now_ns);
		err = print_due(rp, now_ns);
	}
	if (err)
		return err;
	errno = 0;
	if (fflush(rp->opt.out) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

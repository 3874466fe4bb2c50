// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "summary.h"
#include "text.h"
#include "verbose.h"
#include "view.h"

struct report {
	struct report_options opt;
	struct wallclock clock;
	struct view view;
	struct text text;
	struct json *json;
	struct buf line;
};

struct report *report_new(const struct report_options *opt)
{
	struct report *rp = calloc(1, sizeof(*rp));

	if (!rp)
		return NULL;
	rp->opt = *opt;
	rp->text.owners = opt->live;
	if (opt->live)
		wallclock_sample(&rp->clock);
	if (opt->format == REPORT_JSON) {
		rp->json = json_new();
		if (!rp->json) {
			report_free(rp);
			return NULL;
		}
	}
	return rp;
}

void report_free(struct report *rp)
{
	if (!rp)
		return;
	json_free(rp->json);
	text_free(&rp->text);
	view_free(&rp->view);
	buf_free(&rp->line);
	free(rp);
}

/* What to add to a segment's time: 0 for a capture file, which has wall time already. */
static int64_t clock_offset(const struct report *rp, uint64_t time_ns)
{
	return rp->opt.live ? wallclock_offset(&rp->clock, time_ns) : 0;
}

static int write_line(struct report *rp)
{
	errno = 0;
	if (fwrite(rp->line.ptr, 1, rp->line.len, rp->opt.out) != rp->line.len)
		return errno ? -errno : -EIO;
	return 0;
}

int report_transaction(struct report *rp, const struct transaction *tx,
		       const struct owner_names *names)
{
	int err = view_make(&rp->view, tx, names, clock_offset(rp, view_start_ns(tx)),
			    rp->opt.redact);

	if (err)
		return err;
	errno = 0;
	if (rp->json)
		return json_transaction(rp->json, rp->opt.out, &rp->view);
	buf_reset(&rp->line);
	err = text_transaction(&rp->text, &rp->view, &rp->line);
	return err ? err : write_line(rp);
}

/* Seconds east of UTC at that time, so that segments show the same local time as transactions do. */
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
		   const uint64_t kernel[EVENT_CNT_MAX], uint64_t printed)
{
	int err = 0;

	errno = 0;
	if (rp->json)
		err = json_summary(rp->json, rp->opt.out, cnt, kernel, printed);
	if (!err)
		err = report_flush(rp);
	summary_print(rp->opt.err, cnt, kernel, printed);
	return err;
}

int report_flush(struct report *rp)
{
	if (rp->opt.live)
		wallclock_sample(&rp->clock);
	errno = 0;
	if (fflush(rp->opt.out) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

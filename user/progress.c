// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include <inttypes.h>
#include <unistd.h>

#define EVERY_NS UINT64_C(200000000)
#define MEGA	 1000000.0

void progress_open(struct progress *p, FILE *err, bool quiet, uint64_t now_ns)
{
	*p = (struct progress){.err = err, .start_ns = now_ns, .last_ns = now_ns};
	p->on = isatty(fileno(err)) && (quiet || !isatty(STDOUT_FILENO));
}

static bool is_due(struct progress *p, uint64_t now_ns)
{
	if (!p->on || now_ns < p->last_ns + EVERY_NS)
		return false;
	p->last_ns = now_ns;
	p->shown = true;
	fputs("\r\033[K", p->err);
	return true;
}

void progress_file(struct progress *p, uint64_t done, uint64_t total, uint64_t now_ns)
{
	if (!is_due(p, now_ns))
		return;
	fprintf(p->err, "%.1f MB", (double)done / MEGA);
	if (total)
		fprintf(p->err, " of %.1f MB (%.0f %%)", (double)total / MEGA,
			(double)done * 100 / (double)total);
	fprintf(p->err, ", %.1f MB/s", (double)done * 1e9 / MEGA / (double)(now_ns - p->start_ns));
	fflush(p->err);
}

void progress_time(struct progress *p, uint64_t duration_ns, uint64_t now_ns)
{
	uint64_t gone = now_ns - p->start_ns;

	if (gone > duration_ns || !is_due(p, now_ns))
		return;
	fprintf(p->err, "%" PRIu64 " s left of %" PRIu64 " s",
		(duration_ns - gone + 999999999) / 1000000000,
		(duration_ns + 999999999) / 1000000000);
	fflush(p->err);
}

void progress_clear(struct progress *p)
{
	if (!p->shown)
		return;
	p->shown = false;
	fputs("\r\033[K", p->err);
	fflush(p->err);
}

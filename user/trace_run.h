/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_run.h - what the parts of a run share, and nobody else needs.
 *
 *	trace.c         the run: signals, the loop, the end
 *	trace_open.c    opens what the options ask for
 *	trace_events.c  what the sources and the middle tell, and to whom it goes
 */
#ifndef HTTPLAT_TRACE_RUN_H
#define HTTPLAT_TRACE_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "attribution.h"
#include "cgfilter.h"
#include "child.h"
#include "core/flow.h"
#include "file/file.h"
#include "file/filter.h"
#include "live/live.h"
#include "progress.h"
#include "recorder/replay.h"
#include "saving.h"
#include "top/console.h"
#include "trace.h"
#include "txfilter.h"

#define MSEC	 UINT64_C(1000000)
#define LINK_RAW 101 /* LINKTYPE_RAW */

/* Why the run ends. */
enum stop {
	STOP_FULL = 1, /* -n and the like; a failed output */
	STOP_TOLD,     /* by a signal, or by the user of `top` */
};

/* enum stop; the one thing that a signal handler may touch. */
extern volatile sig_atomic_t trace_stop;

struct trace {
	const struct options *opt;
	struct counters cnt;
	struct flow_table *flow;
	struct report *report;
	struct har *har;       /* NULL: not asked for */
	struct saving *saving; /* -w, --save-slow; NULL: neither */
	struct replay *replay; /* what a recording says; NULL: no recording is read */
	struct wallclock clock; /* live */
	struct txfilter tx_filter;

	struct live *live;		 /* NULL: a capture file */
	struct attribution *attribution; /* live only */
	struct selection *selection;	 /* -c --pod --unit -g; NULL: none of them */
	struct cgfilter *cgfilter;
	struct identities *identities; /* NULL: not asked for */
	struct child child;
	uint32_t pid; /* -p, or the child's */
	bool follow;
	struct stats *totals;	   /* by side, for --fail-if; NULL: not asked for */
	struct filter *pkt_filter; /* -f, live only: file_read() applies it to whole frames */
	struct file_source *file;
	struct progress progress;
	uint32_t frames; /* of the file, so far */
	bool sees_reads;
	struct top_model *top; /* `top`; else NULL */
	struct console *console;
	uint64_t console_ns; /* when it had its last turn */
	char source[512];    /* where from, in words */
	uint64_t start_ns;

	uint64_t flush_every_ns, last_flush_ns; /* in the segments' time */
	uint64_t child_over_ns;
	const char *request_headers[OPTIONS_MAX_HEADERS + 8],
		*response_headers[OPTIONS_MAX_HEADERS + 8];
	bool full;     /* -n are printed: nothing more is */
	int write_err; /* the first; -EPIPE is no failure */
};

/* CLOCK_MONOTONIC. */
uint64_t trace_now_ns(void);

/* --- trace_open.c --- */

/* All return 0, or -errno with *d set. `path`: what is read in place of opt->read_file. */
int trace_open_file(struct trace *tr, const char *path, struct diag *d);
int trace_open_live(struct trace *tr, struct diag *d);
/* After one of these. */
int trace_open_saving(struct trace *tr, struct diag *d);
int trace_open_middle(struct trace *tr, struct diag *d);

/* --- trace_events.c --- */

/* The callbacks of struct live_sink, file_sink and flow_sink; ctx is the struct trace. */
void trace_transaction(void *ctx, const struct transaction *borrowed);
void trace_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq);
void trace_segment(void *ctx, const struct segment *seg);
void trace_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		 const struct endpoint *remote, const struct owner *owner);
void trace_read(void *ctx, const struct reading *reading);
void trace_sum(void *ctx, const struct sum *sum);
void trace_expect(void *ctx, uint64_t cookie, unsigned int stage);
void trace_who(void *ctx, const struct owner *owner, uint32_t uid, uint32_t inner_pid,
	       bool followed);
void trace_cgroup(void *ctx, uint64_t id, const char *path);
void trace_note(void *ctx, const struct note *n);

/* Drives the middle's clock. Time in a file may jump back. */
void trace_clock_tick(void *ctx, uint64_t now_ns);

/* Tells the kernel which cgroups are asked for by now. */
void trace_update_cgroups(struct trace *tr, uint64_t now_ns);

/* An output failed (err not 0): the run ends. */
void trace_write_error(struct trace *tr, int err);

/* -n */
void trace_check_count(struct trace *tr);

#endif

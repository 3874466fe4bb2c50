/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - the run: segments from the host or from a file through the middle to the report.
 *
 *	live_consume ┐ -f           flow_push        -p --comm -g        names
 *	             ├───── segment ────────── transaction ──── filter ──────── report
 *	file_read    ┘                 └ live_elide
 *
 * It ends when the file ends, -d is over, -n are printed, SIGINT or SIGTERM arrives, or the reader of
 * the output goes away; what is complete by then is printed, then the counts. `top` has the terminal meanwhile; it ends
 * when its user wants to as well, and after a file only then.
 */
#ifndef HTTPLAT_TRACE_H
#define HTTPLAT_TRACE_H

#include "diag.h"
#include "options.h"

/* 0; or -errno with the sentence and the exit status in *d. A capture that is cut short, or an
 * output that fails, is an error that comes after everything before it was printed. */
int trace_run(const struct options *opt, struct diag *d);

#endif

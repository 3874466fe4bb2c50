/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.h - `httplat top` on its terminal: what the run loop calls now and then.
 *
 *	poll ─ ring, keys, 50 ms ─┬─ live_consume ─ ... ─ top_model_add
 *	                          └─ console_step ─ keys, the end of an interval, a drawing where it is due
 *
 * One thread does both, so that what is drawn is never half of something. A step takes milliseconds; the ring
 * holds what comes meanwhile.
 */
#ifndef HTTPLAT_CONSOLE_H
#define HTTPLAT_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/counters.h"
#include "../diag.h"
#include "../file/file.h"
#include "../live/live.h"
#include "../report/top_ui.h"

/* The run that is shown; all is borrowed. */
struct console_run {
	struct top_model *model;
	const struct live *live;	/* NULL: a file */
	const struct file_source *file; /* NULL: live */
	const struct counters *cnt;
	bool owners;	    /* they are known */
	const char *source; /* where from, in words */
	uint64_t interval_ns;
	uint64_t start_ns; /* CLOCK_MONOTONIC */
};

struct console;

/* Takes the terminal (screen.h), and begins to count. 0, or -errno with *d set. */
int console_open(const struct console_run *run, struct console **out, struct diag *d);

/* Gives it back. NULL is fine. */
void console_close(struct console *c);

/* To poll for reading. */
int console_fd(const struct console *c);

/* At now_ns of CLOCK_MONOTONIC, some times a second and when the descriptor is readable. reading: the file is not at
 * its end. False: the user wants to quit. */
bool console_step(struct console *c, bool reading, uint64_t now_ns);

#endif

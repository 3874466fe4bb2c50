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

#include "../diag.h"
#include "../report/top_ui.h"

struct console;

/* Takes the terminal (screen.h). The model is borrowed. 0, or -errno with *d set. */
int console_open(struct top_model *m, uint64_t interval_ns, struct console **out, struct diag *d);

/* Gives it back. NULL is fine. */
void console_close(struct console *c);

/* To poll for reading. */
int console_fd(const struct console *c);

/* At now_ns of CLOCK_MONOTONIC, some times a second and when the descriptor is readable. False: the user wants to
 * quit. */
bool console_step(struct console *c, const struct top_status *status, uint64_t now_ns);

#endif

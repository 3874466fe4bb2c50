/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * screen.h - the terminal of `httplat top`, through ncurses: keys in, lines out, and left as it was found.
 *
 * There is one at a time, on standard output; keys come from standard input, or from /dev/tty where that is no
 * terminal. Nothing blocks but a terminal that takes no output, which is not written to while it says so.
 *
 * The terminal is restored by screen_close(), and by screen_die() from within a signal handler: what that
 * needs is static, for a handler has no other way to it.
 */
#ifndef HTTPLAT_SCREEN_H
#define HTTPLAT_SCREEN_H

#include <stdbool.h>

#include "../diag.h"
#include "../report/top_ui.h"

struct screen;

/* Whether it could be opened: standard output is a terminal, and one that TERM knows. 0, or -errno with
 * EXIT_USAGE in *d. */
int screen_check(struct diag *d);

/* Takes the terminal. Sets LC_CTYPE from the environment. Fatal signals restore the terminal from now on, and
 * then do what they do. 0, or -errno with *d set and the terminal as it was. */
int screen_open(struct screen **out, struct diag *d);

/* Gives it back. NULL is fine. */
void screen_close(struct screen *s);

/* To poll for reading: keys. */
int screen_fd(const struct screen *s);

/* The next key, 0: there is none. */
unsigned int screen_key(struct screen *s);

/* Follows the window. True: it has another size than at the last call. */
bool screen_resized(struct screen *s);
void screen_size(const struct screen *s, unsigned int *cols, unsigned int *rows);

/* Whether output would be taken now. */
bool screen_is_ready(const struct screen *s);

/* Shows as many lines as there are rows. cursor: the column of the terminal's cursor in the last line, or -1. */
void screen_draw(struct screen *s, const struct top_line *page, int cursor);

/* The next screen_draw() draws everything, whatever the terminal shows. */
void screen_forget(struct screen *s);

/* A signal handler (async-signal-safe): restores the terminal if it is taken, then the signal ends the process
 * as it does by default. */
void screen_die(int sig);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * terminal.h - which description of the terminal ncurses is to take: the host's, by TERM, or the
 * one of xterm that is built in.
 *
 * A host may have no terminfo at all (an initramfs, a container made from nothing), or none of this
 * terminal (over ssh, from a newer one). Nearly all terminals do what xterm does, as far as `top`
 * asks for it; so those whose name says that they are one of these are driven as xterm.
 */
#ifndef HTTPLAT_TERMINAL_H
#define HTTPLAT_TERMINAL_H

/* For setupterm() and newterm(), which look into the environment: from terminal_begin() to
 * terminal_end(). */
struct terminal {
	const char *name; /* NULL: nothing is known of this terminal */
	char *terminfo;	  /* what TERMINFO was; heap */
	_Bool built_in;
};

/* Takes TERM from the environment, and changes TERMINFO where the description that is built in
 * is needed. */
struct terminal terminal_begin(void);

/* The environment as it was. */
void terminal_end(struct terminal *t);

#endif

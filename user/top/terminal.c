// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

/* Made by infocmp from the building host's terminfo; TERMINFO may be such a text (ncurses(3X)). */
static const char xterm[] =
#include "terminfo/xterm.h"
	;

/* What they are called, or how what they are called begins. */
static const char *const like_xterm[] = {"xterm",     "screen",	 "tmux",  "linux", "rxvt",
					 "vt100",     "vt220",	 "gnome", "vte",   "konsole",
					 "alacritty", "wezterm", "putty", "foot",  "st-"};

static bool is_like_xterm(const char *term)
{
	for (size_t i = 0; i < sizeof(like_xterm) / sizeof(like_xterm[0]); i++)
		if (!strncmp(term, like_xterm[i], strlen(like_xterm[i])))
			return true;
	return false;
}

static bool is_known(const char *term)
{
	int err;

	if (setupterm(term, STDOUT_FILENO, &err) != OK)
		return false;
	del_curterm(cur_term);
	return true;
}

struct terminal terminal_begin(void)
{
	const char *term = getenv("TERM"), *was = getenv("TERMINFO");
	struct terminal t = {0};

	if (!term || !*term)
		return t;
	if (is_known(term)) {
		t.name = term;
		return t;
	}
	if (!is_like_xterm(term))
		return t;
	t.built_in = true;
	t.terminfo = was ? strdup(was) : NULL;
	if (!setenv("TERMINFO", xterm, 1) && is_known("xterm"))
		t.name = "xterm";
	return t;
}

void terminal_end(struct terminal *t)
{
	if (!t->built_in)
		return;
	if (t->terminfo)
		setenv("TERMINFO", t->terminfo, 1);
	else
		unsetenv("TERMINFO");
	free(t->terminfo);
	t->terminfo = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top_ui.h - `httplat top` as pages of text that keys lead through; the terminal itself is elsewhere.
 *
 *	keys ── top_ui_key ──┐
 *	                     ├── pages: table ─Enter─ group ─Enter─ request; choices; help
 *	status, intervals ───┘       └── top_ui_draw ── lines of so many columns
 *
 * What comes out is safe to print: every byte of the traffic is escaped, and no line is wider than it was
 * asked for (see cell.h). No function reads a clock or blocks.
 */
#ifndef HTTPLAT_TOP_UI_H
#define HTTPLAT_TOP_UI_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/event.h"
#include "../core/counters.h"
#include "buf.h"
#include "top_model.h"

/* A key: a byte that was typed, or one of these. */
enum top_key {
	TOP_KEY_UP = 0x100,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_BACKSPACE,
};

enum top_wish {
	TOP_NOTHING = 0,
	TOP_QUIT,
	TOP_REDRAW, /* all of it, whatever the terminal is thought to show */
};

/* What the run knows; borrowed until the next status. */
struct top_status {
	const char *source; /* where from: "at every local socket (cgroup hook)", a file's name */
	bool live;
	bool owners;		      /* they are known: live, or from a recording */
	bool reading;		      /* a file: not at its end yet */
	uint64_t now_ns;	      /* in the transactions' clock; live only */
	uint64_t start_ns;	      /* when the run began, in the same */
	int64_t wall_offset_ns;	      /* from that clock to the time since 1970 */
	const struct counters *cnt;   /* not NULL */
	const uint64_t *kernel;	      /* EVENT_CNT_MAX of them; NULL: a file */
	uint64_t read_done, read_all; /* bytes of a file; read_all 0: not known */
};

enum top_style {
	TOP_PLAIN = 0,
	TOP_BOLD,
	TOP_TITLE, /* of columns */
	TOP_CURSOR,
	TOP_ALERT,
};

struct top_line {
	struct buf text; /* no NUL */
	enum top_style style;
	unsigned int mark_at, mark_len; /* columns that stand out; none where mark_len is 0 */
};

struct top_ui;

/* The model is borrowed. NULL without memory. */
struct top_ui *top_ui_new(struct top_model *m);
void top_ui_free(struct top_ui *ui);

/* What the run knows by now. fresh: an interval is over, the pages show what has come; not while paused. */
void top_ui_status(struct top_ui *ui, const struct top_status *status, bool fresh);

enum top_wish top_ui_key(struct top_ui *ui, unsigned int key);

/* The page as `rows` lines of at most `cols` columns. Valid until the next call. NULL without memory. */
const struct top_line *top_ui_draw(struct top_ui *ui, unsigned int cols, unsigned int rows);

/* Where the cursor of the terminal belongs: behind what is being typed, in the last line. False: nowhere. */
bool top_ui_cursor(const struct top_ui *ui, unsigned int *col);

#endif

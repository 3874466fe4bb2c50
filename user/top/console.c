// SPDX-License-Identifier: GPL-2.0-only
#include "console.h"

#include <errno.h>
#include <stdlib.h>

#include "screen.h"

/* The clock in the head goes on in any case. */
#define DRAW_NS UINT64_C(1000000000)

struct console {
	struct screen *screen;
	struct top_model *m;
	struct top_ui *ui;
	uint64_t interval_ns, interval_at_ns, drawn_ns;
	bool was_reading;
	bool due; /* something has changed since it was drawn */
};

int console_open(struct top_model *m, uint64_t interval_ns, struct console **out, struct diag *d)
{
	struct console *c = calloc(1, sizeof(*c));
	int err;

	if (c)
		c->ui = top_ui_new(m);
	if (!c || !c->ui) {
		console_close(c);
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	}
	c->m = m;
	c->interval_ns = interval_ns;
	err = screen_open(&c->screen, d);
	if (err) {
		console_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void console_close(struct console *c)
{
	if (!c)
		return;
	screen_close(c->screen);
	top_ui_free(c->ui);
	free(c);
}

int console_fd(const struct console *c)
{
	return screen_fd(c->screen);
}

static bool take_keys(struct console *c)
{
	unsigned int key;

	while ((key = screen_key(c->screen))) {
		c->due = true;
		switch (top_ui_key(c->ui, key)) {
		case TOP_QUIT:
			return false;
		case TOP_REDRAW:
			screen_forget(c->screen);
			break;
		case TOP_NOTHING:
			break;
		}
	}
	return true;
}

static void draw(struct console *c)
{
	const struct top_line *lines;
	unsigned int cols, rows, col;

	screen_size(c->screen, &cols, &rows);
	lines = top_ui_draw(c->ui, cols, rows);
	if (lines)
		screen_draw(c->screen, lines, top_ui_cursor(c->ui, &col) ? (int)col : -1);
}

bool console_step(struct console *c, const struct top_status *status, uint64_t now_ns)
{
	bool first = !c->drawn_ns;
	bool fresh = first || now_ns - c->interval_at_ns >= c->interval_ns ||
		     c->was_reading != status->reading;

	if (fresh) {
		if (status->live && !first)
			top_model_tick(c->m, now_ns);
		c->interval_at_ns = now_ns;
	}
	c->was_reading = status->reading;
	top_ui_status(c->ui, status, fresh);
	c->due |= fresh || now_ns - c->drawn_ns >= DRAW_NS;
	if (!take_keys(c))
		return false;
	if (screen_resized(c->screen)) {
		screen_forget(c->screen);
		c->due = true;
	}
	/* A terminal that is stopped (Ctrl-S), or behind a slow line, is not waited for. */
	if (c->due && screen_is_ready(c->screen)) {
		draw(c);
		c->due = false;
		c->drawn_ns = now_ns;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "console.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "screen.h"

/* The clock in the head goes on in any case. */
#define DRAW_NS UINT64_C(1000000000)

struct console {
	struct console_run run;
	struct screen *screen;
	struct top_ui *ui;
	uint64_t kernel[EVENT_CNT_MAX]; /* its counts at the last step */
	uint64_t interval_at_ns, drawn_ns;
	bool was_reading;
	bool due; /* something has changed since it was drawn */
};

int console_open(const struct console_run *run, struct console **out, struct diag *d)
{
	struct console *c = calloc(1, sizeof(*c));
	int err;

	if (c)
		c->ui = top_ui_new(run->model);
	if (!c || !c->ui) {
		console_close(c);
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	}
	c->run = *run;
	if (run->live)
		top_model_start(run->model, run->start_ns);
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

static int64_t wall_offset(uint64_t now_ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec - (int64_t)now_ns;
}

static struct top_status status_at(struct console *c, bool reading, uint64_t now_ns)
{
	struct top_status status = {
		.source = c->run.source,
		.live = c->run.live,
		.owners = c->run.owners,
		.reading = reading,
		.now_ns = now_ns,
		.start_ns = c->run.start_ns,
		.wall_offset_ns = wall_offset(now_ns),
		.cnt = c->run.cnt,
		.kernel = c->run.live ? c->kernel : NULL,
	};

	if (c->run.live)
		live_counters(c->run.live, c->kernel);
	else
		file_progress(c->run.file, &status.read_done, &status.read_all);
	return status;
}

/* Whether an interval is over; then its rates are known. */
static bool end_interval(struct console *c, bool reading, uint64_t now_ns)
{
	bool first = !c->drawn_ns;

	/* What a file held is shown at once when it has been read. */
	if (!first && now_ns - c->interval_at_ns < c->run.interval_ns && c->was_reading == reading)
		return false;
	if (c->run.live && !first)
		top_model_tick(c->run.model, now_ns);
	c->interval_at_ns = now_ns;
	c->was_reading = reading;
	return true;
}

bool console_step(struct console *c, bool reading, uint64_t now_ns)
{
	const struct top_status status = status_at(c, reading, now_ns);
	bool fresh = end_interval(c, reading, now_ns);

	top_ui_status(c->ui, &status, fresh);
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

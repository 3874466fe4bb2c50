/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top_state.h - what top_ui.c (keys), top_draw.c (lines, the table) and top_pages.c (the other pages) share;
 * for these alone.
 */
#ifndef HTTPLAT_TOP_STATE_H
#define HTTPLAT_TOP_STATE_H

#include "columns.h"
#include "text.h"
#include "top_ui.h"

#define TOP_FILTER_MAX 128
#define TOP_KEYS_MAX   (STATS_KEYS + 1)

enum top_page {
	PAGE_TABLE = 0,
	PAGE_GROUP,   /* its requests */
	PAGE_REQUEST, /* one of them */
	PAGE_CHOICE,
	PAGE_HELP,
};

/* A list of which a part is seen. */
struct top_list {
	size_t at;	   /* of the cursor; of the first line where there is none */
	size_t first;	   /* the first that is seen */
	unsigned int seen; /* as many, when it was drawn last */
};

enum top_choice {
	CHOOSE_SORT,
	CHOOSE_KEY,
	CHOOSE_TIME,
};

/* The i-th of what is to be chosen from; NULL past the last. */
const char *top_choice_name(enum top_choice what, unsigned int i);

/* The requests of a group that are seen, each held. */
struct top_requests {
	struct sample *last[SAMPLES_MAX], *slowest[SAMPLES_MAX];
	unsigned int last_cnt, slowest_cnt;
};

struct top_ui {
	struct top_model *m;
	struct top_status status;
	struct text text; /* for times of day */
	bool paused, failed;

	enum top_page page;
	enum top_page below; /* what help or a choice was opened on */

	struct top_list table;
	bool follow; /* the cursor stays at its row, and not in its line */
	struct buf cursor_id;
	char filter[TOP_FILTER_MAX];
	size_t filter_len;
	bool editing; /* the filter */

	struct buf group_id, group_title;
	enum tx_side group_side;
	struct stats_group group; /* its numbers */
	bool group_is_there;
	struct top_requests requests;
	bool in_slowest; /* where the cursor is */
	unsigned int request_at;
	struct sample *request;	 /* of PAGE_REQUEST */
	struct top_list reading; /* PAGE_REQUEST, PAGE_HELP */

	enum top_choice choice;
	struct top_list choices;
	enum stats_key chosen[STATS_KEYS]; /* CHOOSE_KEY: in the order of choosing */
	unsigned int chosen_cnt;

	struct top_line *lines;
	unsigned int line_size, line_cnt;
	unsigned int cols, rows;
	unsigned int key_width[TOP_KEYS_MAX], width[COLUMNS]; /* these only grow */
	struct buf scratch;
};

/* --- top_draw.c: a window's lines, from the top down ---------------------------------------- */

/* The next line; once the window is full, its last over again, which is the foot's. */
struct top_line *top_next_line(struct top_ui *ui, enum top_style style);
/* How many are left above the foot. */
unsigned int top_lines_left(const struct top_ui *ui);
/* A line of safe text, cut to the window. */
void top_put_text(struct top_ui *ui, enum top_style style, const char *text, size_t len);
/* Blanks to the window's edge. */
void top_fill(struct top_ui *ui, struct top_line *line);
/* Local time of day. */
void top_put_clock(struct buf *b, int64_t time_ns);
/* What all pages begin with; the help with its first line alone. */
void top_draw_common(struct top_ui *ui);
void top_draw_head(struct top_ui *ui);
/* The last line: the keys, or what is typed. */
void top_draw_foot(struct top_ui *ui, const char *keys);
/* Chooses the part of cnt that is seen so that the cursor is in it. */
void top_scroll(struct top_list *list, size_t cnt, unsigned int seen);
void top_grow(unsigned int *width, unsigned int to);

/* --- top_pages.c -------------------------------------------------------------------------------- */

void top_draw_group(struct top_ui *ui);
void top_draw_request(struct top_ui *ui);
void top_draw_choices(struct top_ui *ui);
void top_draw_help(struct top_ui *ui);

/* In a lower window the lines about the sides are left out. */
#define TOP_LOW 12

/* Of the group page, how many of each kind are seen. */
unsigned int top_requests_seen(const struct top_ui *ui);

#endif

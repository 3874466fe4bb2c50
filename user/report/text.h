/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h - one aligned line per transaction, for people.
 *
 *	TIME            S     PID COMM       OWNER         CLIENT          SERVER         METHOD
 *	21:50:01.123456 <    1234 nginx      nginx.service 10.0.0.7:51234  10.0.0.1:80    GET ...
 *
 * S is the side: '<' the server's socket, '>' the client's, '-' neither. PID, COMM and OWNER are
 * there in a live trace only; OWNER is the pod, the container, the unit, or else the cgroup. What is
 * not known is '-'. Columns grow with what they hold, up to a limit; the header comes once, with
 * the first line.
 */
#ifndef HTTPLAT_TEXT_H
#define HTTPLAT_TEXT_H

#include <stdbool.h>

#include "buf.h"
#include "view.h"

enum text_column {
	TEXT_TIME,
	TEXT_SIDE,
	TEXT_PID,
	TEXT_COMM,
	TEXT_OWNER,
	TEXT_CLIENT,
	TEXT_SERVER,
	TEXT_METHOD,
	TEXT_STATUS,
	TEXT_LATENCY,
	TEXT_SIZE,
	TEXT_URL,
	TEXT_COLUMNS,
};

/* State of one text report; zeroed at first but for `owners`. */
struct text {
	bool owners; /* show who owns the socket */
	bool header_done;
	unsigned int width[TEXT_COLUMNS]; /* in characters, as grown so far */
	struct buf cell;		  /* scratch */
	int64_t second;			  /* whose local time of day `clock` is; 0: none yet */
	char clock[9];
};

/*
 * Adds the line (and the header before the first) to *line, each with its newline. 0, or
 * -ENOMEM.
 */
int text_transaction(struct text *t, const struct view *v, struct buf *line);
void text_free(struct text *t);

/*
 * A cgroup path in at most `max` characters, for people: 64 hex digits of a container id become
 * the first 12, and what is still too long loses its beginning, marked "..". Bytes are still
 * hostile. `out` has room for strlen(path) + 3. Returns the length.
 */
size_t text_shorten_cgroup(const char *path, size_t max, char *out);

#endif

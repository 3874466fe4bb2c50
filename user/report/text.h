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
 *
 * TEXT_WIDE adds the parts of the time. TEXT_JOINED shows the two ends of an exchange in one line, with
 * both owners.
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
	TEXT_CLIENT_TASK, /* comm[pid], or the address where it is not known */
	TEXT_CLIENT_OWNER,
	TEXT_SERVER_TASK,
	TEXT_SERVER_OWNER,
	TEXT_METHOD,
	TEXT_STATUS,
	TEXT_LATENCY,
	TEXT_AT_SERVER, /* the latency there */
	TEXT_BETWEEN,
	TEXT_VERDICT,
	TEXT_CONNECT,
	TEXT_REQUEST,
	TEXT_QUEUE,
	TEXT_APP,
	TEXT_TTFB,
	TEXT_RESPONSE,
	TEXT_ACK,
	TEXT_READ,
	TEXT_RETRANSMITS, /* of the request / of the response */
	TEXT_SRTT,
	TEXT_SIZE,
	TEXT_URL,
	TEXT_COLUMNS,
};

enum text_layout {
	TEXT_PLAIN = 0,
	TEXT_WIDE,
	TEXT_JOINED,
};

/* State of one text report; zeroed at first but for `owners` and `layout`. */
struct text {
	bool owners; /* show who owns the socket */
	enum text_layout layout;
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

/* TEXT_JOINED: one exchange as seen at its ends; client or server may be NULL, not both. */
int text_joined(struct text *t, const struct view *client, const struct view *server,
		struct buf *line);

void text_free(struct text *t);

/* Pieces of a line, for other layouts: the owner by the name that people use, local time of day,
 * Host and target. */
void text_add_owner(struct buf *b, const struct owner_names *n);
void text_add_time(struct text *t, struct buf *b, const struct view *v);
void text_add_url(struct buf *b, const struct view *v);
void text_add_endpoint(struct buf *b, const struct endpoint *ep);
/* The kernel's comm: NUL padded, 16 bytes at most; "-" for none. */
void text_add_comm(struct buf *b, const char comm[16]);
void text_add_hostile(struct buf *b, const char *src, size_t len);
/* "  [a,b]"; nothing for none. */
void text_add_flags(struct buf *b, uint32_t flags);

/*
 * A cgroup path in at most `max` characters, for people: 64 hex digits of a container id become
 * the first 12, and what is still too long loses its beginning, marked "..". Bytes are still
 * hostile. `out` has room for strlen(path) + 3. Returns the length.
 */
size_t text_shorten_cgroup(const char *path, size_t max, char *out);

#endif

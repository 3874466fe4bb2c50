/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * marks.h - when a position in a stream was passed: read by the application, or acknowledged by the peer.
 *
 *	at[]     off ──────●────────●─────────────●──▶    positions ascend, times do
 *	asked for          ▲ here: passed with the first mark at or behind it
 *
 * Only where messages end is asked for, so a mark behind which none ended, before the next one came, is
 * replaced by it: a body of any length costs one. Positions are offsets as in reasm.h.
 */
#ifndef HTTPLAT_MARKS_H
#define HTTPLAT_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Of so many messages that wait to be asked for it is remembered. */
#define MARKS_MAX 16

struct marks {
	struct mark {
		uint64_t off, ns;
	} at[MARKS_MAX]; /* ring, the oldest at `first` */
	unsigned int first, cnt;
	uint64_t forgotten; /* up to here it is not known any more when it was passed */
	bool used;
};

enum marks_result {
	MARKS_NOT_YET = 0,
	MARKS_KNOWN,
	MARKS_UNKNOWN, /* it was passed, but when is not known */
};

/*
 * The stream was passed up to `off` at time ns. last_end: where the last message that has ended did so; parsed: how far
 * messages are known to have ended or not. Positions that do not ascend are ignored.
 */
void marks_add(struct marks *m, uint64_t off, uint64_t ns, uint64_t last_end, uint64_t parsed);

/* It was passed up to `off`, at a time that is not known. */
void marks_forget(struct marks *m, uint64_t off);

/* When `off` was passed. *ns is set with MARKS_KNOWN only. */
enum marks_result marks_find(const struct marks *m, uint64_t off, uint64_t *ns);

/* The last one; NULL without. */
const struct mark *marks_last(const struct marks *m);

#endif

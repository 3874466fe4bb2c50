/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * marks.h - when a position in a stream was passed: read by the application, or acknowledged by the peer.
 *
 *	at[]     off ──────●────────●─────────────●──▶    positions ascend, times do
 *	asked for          ▲ here: passed with the first mark at or behind it
 *
 * Only where messages end is asked for, so a mark behind which none ended, before the next one came, is
 * replaced by it: a body of any length costs one. What will not be asked for again is forgotten; so two are enough
 * but for pipelined messages, for which there is memory of its own. Positions are offsets as in reasm.h.
 */
#ifndef HTTPLAT_MARKS_H
#define HTTPLAT_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

#define MARKS_FEW 2
/* Of so many messages that wait to be asked for it is remembered. */
#define MARKS_MAX 16

struct marks {
	/* A ring, the oldest at `first`. */
	struct mark {
		uint64_t off, ns;
	} few[MARKS_FEW];
	struct mark *more; /* MARKS_MAX of them, in their stead; NULL: they are enough */
	uint64_t forgotten; /* up to here it is not known any more when it was passed */
	uint8_t first, cnt;
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
void marks_add(struct marks *m, struct mem *mem, uint64_t off, uint64_t ns, uint64_t last_end,
	       uint64_t parsed);

/* Positions up to `off` will not be asked for any more. The last mark stays. */
void marks_done(struct marks *m, uint64_t off);

/* It was passed up to `off`, at a time that is not known. */
void marks_forget(struct marks *m, uint64_t off);

/* When `off` was passed. *ns is set with MARKS_KNOWN only. */
enum marks_result marks_find(const struct marks *m, uint64_t off, uint64_t *ns);

/* The last one; NULL without. */
const struct mark *marks_last(const struct marks *m);

/* Frees everything but *m. */
void marks_free(struct marks *m, struct mem *mem);

#endif

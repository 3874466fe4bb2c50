/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * saving.h - what a run writes besides its report: -w (recorder.h) and --save-slow (flight.h).
 *
 *	segment, owner, read ─ saving_* ─ flow_* ─ on_transaction ─ saving_transaction
 *
 * What enters the middle goes through here, as its packet is written when the middle has taken it.
 */
#ifndef HTTPLAT_SAVING_H
#define HTTPLAT_SAVING_H

#include <stdbool.h>

#include "core/flow.h"
#include "file/notes.h"
#include "options.h"
#include "owner/names.h"
#include "report/clock.h"

struct saving;

struct saving_env {
	const struct wallclock *clock; /* of the segments' times; borrowed. NULL: they are since 1970 */
	bool sees_reads;
	bool live;
	enum hook hook;
};

/* *out is NULL where neither is asked for, which all others take. *opt and *cnt are borrowed. 0, or -errno
 * with *d set. */
int saving_open(const struct options *opt, const struct saving_env *env, struct counters *cnt,
		struct saving **out, struct diag *d);

/* In place of flow_push(), flow_owner() and flow_read(). */
void saving_segment(struct saving *s, struct flow_table *ft, const struct segment *seg);
void saving_owner(struct saving *s, struct flow_table *ft, const struct note_owner *owner);
void saving_read(struct saving *s, struct flow_table *ft, const struct reading *reading);

/* Whether names are needed of every transaction, shown or not. */
bool saving_needs_names(const struct saving *s);

/* Whether a request is to be kept by --save-slow, as far as it itself tells. */
bool saving_wants(const struct saving *s, const struct transaction *tx);

/*
 * A transaction ended while *ft took something, or its time passed. found: its owner was looked up, and was not
 * told by the kernel. shown: it is one that was asked for. kept: saving_wants() it, and nothing else speaks against
 * it. names may be NULL. Takes from *tx frame numbers that nothing has.
 */
void saving_transaction(struct saving *s, const struct flow_table *ft, struct transaction *tx,
			const struct owner_names *names, bool found, bool shown, bool kept);

/* Writes out what is buffered. 0, or -errno of the first failure. */
int saving_flush(struct saving *s);

/* Closes files and frees. 0, or -errno of the first failure with *d set. */
int saving_close(struct saving *s, struct diag *d);

#endif

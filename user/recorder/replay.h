/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h - what a recording says beside its packets: the clock, and what owners are called.
 */
#ifndef HTTPLAT_REPLAY_H
#define HTTPLAT_REPLAY_H

#include "../core/transaction.h"
#include "../file/notes.h"
#include "../report/clock.h"

struct replay;

/* NULL without memory. */
struct replay *replay_new(void);
void replay_free(struct replay *rp);

/* Notes of other kinds are none of its. 0 or -ENOMEM. */
int replay_note(struct replay *rp, const struct note *n);

/* What tx's owner was called; all unknown where the recording doesn't say. Strings stay valid until the next
 * replay_note(). */
void replay_names(const struct replay *rp, const struct transaction *tx, struct owner_names *out);

/* Of the segments' times. */
const struct wallclock *replay_clock(const struct replay *rp);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recorder.h - -w: every packet into a pcapng file, with what became of its transaction as a comment.
 *
 *	recorder_begin ─ the middle ─┬─ recorder_transaction: names before the packet, comments for
 *	                             │  it and, in the room that was left, for those written before
 *	recorder_packet|note ────────┘
 *
 * A packet is written after the middle has seen it, so that what it completed is known by then, and what a
 * reader of the file needs stands before it. A request's packets were written long ago when its latency is
 * known: they get their comments in place, as long as their file is the current or the previous one.
 *
 * With a limit of size, files are FILE, FILE1, FILE2, ...; with a limit of their number too FILE0 to FILE(N-1), over
 * and over, with as many digits as N-1 has: as tcpdump names them.
 */
#ifndef HTTPLAT_RECORDER_H
#define HTTPLAT_RECORDER_H

#include "../core/counters.h"
#include "savefile.h"

struct recorder_options {
	const char *path; /* "-": standard output */
	uint64_t max_bytes; /* of one file; 0: no limit */
	uint32_t max_files; /* 0: no limit; not without max_bytes */
	bool redact;
	struct savefile_env env;
};

struct recorder;

/* Creates the (first) file. Strings and *cnt are borrowed. 0, or -errno with *d set. */
int recorder_open(const struct recorder_options *opt, struct counters *cnt, struct recorder **out,
		  struct diag *d);

/* The middle is about to take this segment, whose frame number is set and ascends; NULL: something else. */
void recorder_begin(struct recorder *rec, const struct segment *seg);

/* The middle has taken it. */
void recorder_packet(struct recorder *rec, const struct segment *seg);
void recorder_note(struct recorder *rec, const struct note *n);

/* A transaction ended. names may be NULL. commented: it is one that was asked for. */
void recorder_transaction(struct recorder *rec, const struct transaction *tx,
			  const struct owner_names *names, bool commented);

/* Writes out what is buffered. 0, or -errno of the first failure. */
int recorder_flush(struct recorder *rec);

/* 0, or -errno of the first failure with *d set; a reader that went away is none. NULL is fine. */
int recorder_close(struct recorder *rec, struct diag *d);

#endif

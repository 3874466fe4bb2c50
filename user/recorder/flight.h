/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flight.h - --save-slow: a flight recorder. The last packets of each connection are kept in
 * memory; those of a request that was slow or failed become a file.
 *
 *	flight_begin ─ the middle ─┬─ flight_save: DIR/httplat-TIME-STREAM-REQUEST.pcapng
 *	   (kept apart)            └─ flight_end: into its connection's list
 *
 *	connection 3   ┌──┬──┬──┬──┐   of one: CONN_MAX bytes at most; its oldest go first
 *	connection 7   └──┼──┼──┴──┘   in all: max_bytes at most; the oldest of all go first
 *	                 by age
 *
 * A file has the connection's packets from the request's first on, as far as they are still there,
 * with comments, and stands alone (savefile.h). Of the files of a run the newest max_files are
 * kept.
 */
#ifndef HTTPLAT_FLIGHT_H
#define HTTPLAT_FLIGHT_H

#include "../core/counters.h"
#include "savefile.h"

struct flight_options {
	const char *dir; /* made where it is not there */
	size_t max_bytes;
	uint32_t max_files;
	bool redact;
	struct savefile_env env;
};

struct flight;

/* *cnt is borrowed. Strings too. 0, or -errno with *d set. */
int flight_open(const struct flight_options *opt, struct counters *cnt, struct flight **out,
		struct diag *d);

/* The middle is about to take this segment, whose frame number is set and ascends, or this note. */
void flight_begin(struct flight *fl, const struct segment *seg);
void flight_begin_note(struct flight *fl, const struct note *n);

/* The middle has taken it; of which connection it was. known false: of none. */
void flight_end(struct flight *fl, bool known, uint64_t stream);

/* A transaction to be kept. current: it is of the connection whose segment or note the middle is
 * taking. */
void flight_save(struct flight *fl, const struct transaction *tx, const struct owner_names *names,
		 bool current);

/* 0; or -errno of the first file that could not be written: flight_close() says which. */
int flight_error(const struct flight *fl);

/* Frees. 0; or -errno of the first file that could not be written, with *d set. NULL is fine. */
int flight_close(struct flight *fl, struct diag *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * savefile.h - one capture file that httplat writes: packets as they entered the middle, from the IP header on, and
 * notes (file/notes.h) with which `httplat -r` gives the same transactions, with their owners.
 *
 * Every file stands alone: it begins with the session and the clock, and has the names that its transactions
 * need.
 */
#ifndef HTTPLAT_SAVEFILE_H
#define HTTPLAT_SAVEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/transaction.h"
#include "../diag.h"
#include "../file/notes.h"
#include "../file/pcapng_writer.h"
#include "../report/clock.h"

/* The same for all files of a run. */
struct savefile_env {
	const struct wallclock *clock; /* of segments' times; NULL: they are since 1970, and there are no notes */
	bool sees_reads;
	bool names_interfaces; /* ifindex is one of this network namespace */
	const char *description; /* of the first interface */
};

/* A packet as it is kept: the segment's bytes, borrowed, and its note, encoded. */
struct saved_packet {
	uint64_t time_ns; /* the segment's clock */
	enum seg_dir dir;
	uint32_t ifindex, lost_events;
	const uint8_t *pkt;
	uint32_t cap, len;
	const uint8_t *note;
	size_t note_len;
};

/* note: room for the note; where the environment has no notes none is made. */
void saved_packet_make(struct saved_packet *out, const struct savefile_env *env,
		       const struct segment *seg, uint8_t note[NOTE_MAX]);

struct savefile;

/* *env is borrowed. "-": standard output. 0, or -errno with *d set. */
int savefile_open(const char *path, const struct savefile_env *env, struct savefile **out,
		  struct diag *d);

/* room_len: bytes to keep for later comments, where that can be. */
void savefile_packet(struct savefile *sf, const struct saved_packet *p,
		     const char *const *comments, uint32_t room_len, struct pcapng_room *room);

/* An encoded note. */
void savefile_note(struct savefile *sf, const uint8_t *bytes, size_t len);

/* What tx's owner is called, unless the file has it already. */
void savefile_names(struct savefile *sf, const struct transaction *tx,
		    const struct owner_names *names);

bool savefile_comment(struct savefile *sf, struct pcapng_room *room, const char *text);

/* Bytes so far. */
uint64_t savefile_size(const struct savefile *sf);

/* 0, or -errno of the first failure. */
int savefile_flush(struct savefile *sf);

/* 0, or -errno of the first failure with *d set. NULL is fine. */
int savefile_close(struct savefile *sf, struct diag *d);

#endif

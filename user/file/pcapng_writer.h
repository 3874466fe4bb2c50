/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcapng_writer.h - a pcapng file (draft-ietf-opsawg-pcapng) with comments, also such as come when the packet was
 * written long ago.
 *
 *	packet block | data | comments | note | room
 *	                      ▲                 └ an option of zeros, for local use: pcapng_comment() makes
 *	                      └ known now         comments of it, in place
 *
 * One section, little-endian, times in nanoseconds. Output is buffered. An error stays: what follows is not
 * written, and pcapng_writer_close() tells. A pipe can be written too; it has no room for later comments.
 */
#ifndef HTTPLAT_PCAPNG_WRITER_H
#define HTTPLAT_PCAPNG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../diag.h"

enum pcapng_direction {
	PCAPNG_UNKNOWN = 0, /* the values of epb_flags */
	PCAPNG_INBOUND = 1,
	PCAPNG_OUTBOUND = 2,
};

struct pcapng_packet {
	uint32_t iface; /* as pcapng_add_interface() numbered it */
	uint64_t time_ns; /* since 1970 */
	const uint8_t *data;
	uint32_t cap, len; /* bytes given, bytes on the wire */
	enum pcapng_direction direction;
	uint64_t dropped; /* packets lost between the previous one and this */
	const char *const *comments; /* UTF-8; NULL-terminated, or NULL */
	const uint8_t *note; /* see notes.h */
	size_t note_len; /* 0: none */
	uint32_t room; /* for later comments; a multiple of 4 */
};

/* Where a packet has room for comments, in the file. */
struct pcapng_room {
	uint64_t offset;
	uint32_t len; /* 0: there is none */
};

struct pcapng_writer;

/* Creates the file, or empties it; "-" is standard output. 0, or -errno with *d set. */
int pcapng_writer_open(const char *path, struct pcapng_writer **out, struct diag *d);

/* Its number, from 0 on. Names may be NULL. */
uint32_t pcapng_add_interface(struct pcapng_writer *w, uint16_t link_type, const char *name,
			      const char *description);

void pcapng_add_packet(struct pcapng_writer *w, const struct pcapng_packet *p,
		       struct pcapng_room *room);

/* A note in a block of its own. */
void pcapng_add_note(struct pcapng_writer *w, const uint8_t *note, size_t len);

/* A comment for a packet that was written. Takes what it needs from *room; cuts the text where there is less. False:
 * there was none left. */
bool pcapng_comment(struct pcapng_writer *w, struct pcapng_room *room, const char *text);

/* Bytes so far, with those in the buffer. */
uint64_t pcapng_size(const struct pcapng_writer *w);

/* Writes out what is buffered. 0, or -errno of the first failure. */
int pcapng_flush(struct pcapng_writer *w);

/* Flushes, closes and frees. 0; or -errno of the first failure with *d set. NULL is fine. */
int pcapng_writer_close(struct pcapng_writer *w, struct diag *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.h - the frames of a capture file, one after the other, whatever its format: pcap (libpcap reads
 * it, in all its variants) or pcapng (pcapng.h).
 */
#ifndef HTTPLAT_FRAMES_H
#define HTTPLAT_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "../diag.h"
#include "notes.h"

struct frame {
	bool is_note;        /* no packet: data is a note of httplat's own (notes.h), cap its length */
	uint64_t number;     /* 1-based, as Wireshark counts */
	uint64_t time_ns;    /* since 1970 */
	uint32_t link_type;  /* LINKTYPE_ or DLT_ value */
	uint32_t cap, len;   /* bytes captured, bytes on the wire */
	const uint8_t *data; /* borrowed until the next call */
	const uint8_t *note; /* beside the packet; NULL: none */
	uint32_t note_len;
};

struct frames;

/* "-" is standard input. On failure *out is untouched and *d says why. */
int frames_open(const char *path, struct frames **out, struct diag *d);

/* The session note, if a recording of httplat's begins with one; else false. */
bool frames_session(const struct frames *fr, struct note_session *out);

/* 1 with *out filled; 0 at the end; -EIO with *d set when the file is cut short or damaged. */
int frames_next(struct frames *fr, struct frame *out, struct diag *d);

/* The link types known when the file was opened: that of a pcap file, those of the interfaces that stand
 * before the first packet of a pcapng file. False when there is no n-th. */
bool frames_link_type(const struct frames *fr, uint32_t n, uint32_t *link_type);

/* How many bytes were read, and how many there are; *total 0: not known (a pipe). */
void frames_progress(const struct frames *fr, uint64_t *done, uint64_t *total);

/* NULL is fine. */
void frames_close(struct frames *fr);

#endif

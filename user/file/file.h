/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * file.h - segments from a capture file (pcap, pcapng; "-" is standard input), through libpcap.
 *
 *	frame → link layer (link.h) → IP, tunnels → fragments (ipfrag.h) → TCP (core/decode.h) → segment
 *
 * A recording of httplat's own (notes.h) gives segments as they were live: with what the kernel knew, times
 * being CLOCK_MONOTONIC of then; NOTE_CLOCK notes say what to add.
 */
#ifndef HTTPLAT_FILE_H
#define HTTPLAT_FILE_H

#include <signal.h>

#include "../core/counters.h"
#include "../core/segment.h"
#include "../diag.h"
#include "notes.h"

struct file_source;

struct file_sink {
	void *ctx;
	void (*segment)(void *ctx, const struct segment *seg);
	/* Packet time went on; called for each frame, also those without a segment. May be NULL. */
	void (*clock)(void *ctx, uint64_t time_ns);
	/* Of a recording: a note that stands beside the packets (notes.h), borrowed. May be NULL. */
	void (*note)(void *ctx, const struct note *n);
};

/* Opens `path`. filter is a pcap-filter(7) expression or NULL. On failure *out is untouched, *d has the
 * sentence (no such file, no capture: EXIT_RUNTIME; filter that does not parse: EXIT_USAGE). *cnt is
 * borrowed. */
int file_open(const char *path, const char *filter, struct counters *cnt, struct file_source **out,
	      struct diag *d);

/* Whether it is a recording, and how that was made. */
bool file_session(const struct file_source *fs, struct note_session *out);

/*
 * Reads to the end, or until *stop becomes non-zero. Segments carry hook HOOK_FILE, the frame number as
 * Wireshark counts (1-based, all frames) and times since 1970 (but see above). 0 at the end; -EIO with *d set when the file
 * is cut short or damaged: everything before that was delivered.
 */
int file_read(struct file_source *fs, const struct file_sink *sink,
	      const volatile sig_atomic_t *stop, struct diag *d);

/* How many bytes of it were read, and how many there are; *total 0: not known (a pipe). */
void file_progress(const struct file_source *fs, uint64_t *done, uint64_t *total);

/* NULL is fine. */
void file_close(struct file_source *fs);

#endif

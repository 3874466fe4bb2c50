/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notes.h - what the kernel told beside the packets, as bytes in a recording.
 *
 * A recording is a pcapng file that any reader opens. What only httplat knows is in it as notes: in an option
 * of each packet's block, and in blocks of their own, whose numbers pcapng leaves to local use (draft-ietf-opsawg-pcapng
 * §3.5.1, §4: the most significant bit is set), so that others skip them.
 *
 *	NOTE_SESSION	first: how it was recorded
 *	NOTE_CLOCK	each offset between the monotonic time of all notes and wall time
 *	NOTE_SEGMENT	(option) what the kernel knew of this packet
 *	NOTE_OWNER	who uses a socket
 *	NOTE_READ	an application read
 *	NOTE_NAMES	an owner's cgroup, container, pod, unit; before the first transaction that needs them
 *
 *	"hplt" | kind u8 | fields, little-endian, strings as length u16 + bytes + NUL
 *
 * Fields are only ever added at a note's end; a reader takes those that it knows.
 */
#ifndef HTTPLAT_NOTES_H
#define HTTPLAT_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/segment.h"
#include "../owner/names.h"

enum note_kind {
	NOTE_NONE = 0,
	NOTE_SESSION,
	NOTE_CLOCK,
	NOTE_SEGMENT,
	NOTE_OWNER,
	NOTE_READ,
	NOTE_NAMES,
};

enum {
	NOTE_BLOCK_TYPE = 0x8048504c,
	NOTE_OPTION = 0x8048, /* of an Enhanced Packet Block */
	NOTE_MAX = 1 << 14,   /* bytes */
};

struct note_session {
	bool sees_reads; /* applications' reads are in it */
};

struct note_clock {
	uint64_t since_ns; /* monotonic */
	int64_t offset_ns; /* wall time - monotonic */
};

struct note_owner {
	uint64_t cookie;
	struct endpoint local, remote;
	struct owner owner;
};

struct note_names {
	uint32_t pid;
	uint64_t cgroup_id, sock_cgroup_id; /* with pid: whose names */
	struct owner_names names;
};

struct note {
	enum note_kind kind;
	union {
		struct note_session session;
		struct note_clock clock;
		struct segment segment; /* of it time_ns, dir and note */
		struct note_owner owner;
		struct reading read;
		struct note_names names; /* strings: the caller's; after note_read() those of the bytes */
	};
};

/* Writes a note. Returns its length; 0 when it does not fit. *n is only read. */
size_t note_write(uint8_t out[NOTE_MAX], const struct note *n);

/* Reads one. False when the bytes are no note of a kind that is known, or damaged. */
bool note_read(const uint8_t *bytes, size_t len, struct note *out);

#endif

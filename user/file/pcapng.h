/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcapng.h - reads the frames of a pcapng file (draft-ietf-opsawg-pcapng).
 *
 * libpcap is not used for these: it gives up on files whose interfaces differ in link type or snapshot
 * length, as Wireshark writes them when it captures on two interfaces. Sections of either byte order,
 * interfaces of any link type and time resolution, enhanced, simple and old packet blocks are read;
 * blocks of other types are skipped.
 *
 * Bounds: a block has at most PCAPNG_BLOCK_MAX bytes, a section PCAPNG_INTERFACE_MAX interfaces.
 */
#ifndef HTTPLAT_PCAPNG_H
#define HTTPLAT_PCAPNG_H

#include <stdio.h>

#include "frames.h"

#define PCAPNG_BLOCK_MAX     (16u << 20)
#define PCAPNG_INTERFACE_MAX 65536u

/* The first byte of every pcapng file, and of no pcap file. */
#define PCAPNG_FIRST_BYTE 0x0a

struct pcapng;

/* Reads up to the first packet. `in` is borrowed, `name` (for sentences) is copied. */
int pcapng_open(FILE *in, const char *name, struct pcapng **out, struct diag *d);

/* As frames_next(). A simple packet block has no time: its frame gets that of the one before. */
int pcapng_next(struct pcapng *ng, struct frame *out, struct diag *d);

/* As frames_session(). */
bool pcapng_session(const struct pcapng *ng, struct note_session *out);

/* As frames_link_type(), for the interfaces of the section that is being read. */
bool pcapng_link_type(const struct pcapng *ng, uint32_t n, uint32_t *link_type);

/* NULL is fine. */
void pcapng_close(struct pcapng *ng);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - reads the ring buffer, through libbpf. What its records say is record.h's.
 */
#ifndef HTTPLAT_RING_H
#define HTTPLAT_RING_H

#include <stddef.h>

#include "live/live.h"
#include "live/localaddr.h"

struct ring;

/* ring_fd: a BPF_MAP_TYPE_RINGBUF. local tells which end of a tap's packet is this host; NULL: as
 * the hook says. *cnt and local are borrowed. 0 or -errno. */
int ring_open(int ring_fd, struct counters *cnt, struct localaddr *local, struct ring **out);
void ring_close(struct ring *rg);

/* To poll for reading. */
int ring_fd(const struct ring *rg);

/* Pushes what is there into *sink, a bounded number of records. Returns how many, or -errno. */
int ring_consume(struct ring *rg, const struct live_sink *sink);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pktfilter.h - a pcap-filter(7) expression over segments that came from the running host.
 *
 * libpcap compiles it for packets that begin with their IP header (DLT_RAW), which is what a live
 * segment holds, and interprets it. So expressions about the link layer (ether, vlan) are refused.
 * Capture files filter whole frames: see file_open().
 */
#ifndef HTTPLAT_PKTFILTER_H
#define HTTPLAT_PKTFILTER_H

#include <stdbool.h>

#include "../core/segment.h"
#include "../diag.h"

struct pktfilter;

/* On failure *out is untouched and *d says what is wrong with the expression (EXIT_USAGE). */
int pktfilter_new(const char *expr, struct pktfilter **out, struct diag *d);
void pktfilter_free(struct pktfilter *pf);

bool pktfilter_match(const struct pktfilter *pf, const struct segment *seg);

#endif

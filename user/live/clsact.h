/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clsact.h - tc filters for kernels without TCX links (before 6.6).
 *
 * Such a filter outlives its maker, so it must be possible to tell ours from others', and a dead
 * instance's from a living one's:
 *
 *	priority   CLSACT_PRIO + slot, program name "httplat_tc_*": ours
 *	handle     CLSACT_HANDLE, or CLSACT_HANDLE_MADE where the qdisc was made for it, and goes with it
 *	slot       taken by binding the abstract Unix address "@httplat.tc.IFINDEX.SLOT", which is per
 *	           network namespace, as interfaces are, and is given up however the process ends
 *
 * A filter of ours in a slot that nobody holds is a leftover. Other programs' filters are never
 * touched, and neither is a clsact qdisc that was there before, or that holds anything else. All
 * calls act on the current network namespace.
 */
#ifndef HTTPLAT_CLSACT_H
#define HTTPLAT_CLSACT_H

#include "live/attach.h"

#define CLSACT_PRIO  49170
#define CLSACT_SLOTS 16

#define CLSACT_HANDLE	   1
#define CLSACT_HANDLE_MADE 2

struct clsact;

/* Attaches both programs. 0 with *out set, or -errno (-EBUSY: all slots taken) with nothing
 * attached. */
int clsact_attach(unsigned int ifindex, int prog_in, int prog_out, struct clsact **out);

/* Detaches, removes the qdisc if it was made here and holds nothing else, and frees. NULL is fine.
 * */
void clsact_detach(struct clsact *ca);

/* Removes what dead instances left on an interface, filters and qdisc. Returns how many filters
 * it removed, or -errno. */
int clsact_sweep(unsigned int ifindex);

#endif

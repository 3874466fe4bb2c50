/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgfilter.h - keeps the kernel told which cgroups are asked for.
 *
 *	at the start   every cgroup that there is ┐
 *	later          those that are made        ├─ names ─ selection_judge ─ tell: yes, no
 *	               those that segments name   ┘     └ lacking: asked again, by and by
 *
 * What has not been decided is copied, so being late costs copies and loses nothing. Which
 * transactions are shown is decided when they are, by selection_judge() again.
 *
 * On hosts with v1 hierarchies cgroup2's root says nothing of what is in it, so nothing is told of
 * it, and everything in there is copied.
 */
#ifndef HTTPLAT_CGFILTER_H
#define HTTPLAT_CGFILTER_H

#include <stdint.h>

#include "diag.h"
#include "owner/owner.h"
#include "selection.h"

/* How long the start waits for names: state files are read in some milliseconds. */
#define CGFILTER_WAIT_MS 2000
/* Cgroups that are kept in mind; of the others everything is copied. */
#define CGFILTER_CGROUPS_MAX 16384

struct cgfilter;

/* Both are borrowed. NULL without memory. */
struct cgfilter *cgfilter_new(struct selection *sel, struct owner_cache *oc);
void cgfilter_free(struct cgfilter *cf);

/* Shows the selection all that there is, and starts it. 0, or what selection_start() says. */
int cgfilter_start(struct cgfilter *cf, struct diag *d);

/* A cgroup that a segment names. Cheap when it is known; 0 is fine. */
void cgfilter_meet(struct cgfilter *cf, uint64_t cgroup_id);

/*
 * Calls tell for each cgroup whose verdict has changed, before the first call from UNDECIDED.
 * Meant for every tick. Returns how many there were.
 */
unsigned int cgfilter_update(struct cgfilter *cf, uint64_t now_ns,
			     void (*tell)(void *ctx, uint64_t cgroup_id,
					  enum selection_verdict verdict),
			     void *ctx);

#endif

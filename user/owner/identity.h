/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * identity.h - what is known of a socket's owner beside its name: user id, descent.
 *
 * The kernel tells both with each segment, as of the moment at which the thread began to use the
 * socket; here they are kept by process and thread until the transaction is shown. Of an owner
 * that the kernel did not tell, /proc is asked.
 */
#ifndef HTTPLAT_IDENTITY_H
#define HTTPLAT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/segment.h"

struct identity {
	bool has_uid;
	uint32_t uid;  /* effective */
	bool followed; /* the process of --follow or a descendant */
};

struct identities;

/* follow_pid 0: descent is not asked for. by_kernel: what the kernel says of it is to be relied
 * on, else /proc is asked. NULL without memory. */
struct identities *identities_new(uint32_t follow_pid, bool by_kernel);
void identities_free(struct identities *ids);

/* Meant for every segment. */
void identities_note(struct identities *ids, const struct owner *owner, uint32_t uid,
		     bool followed);

/* Of an owner with a pid. */
struct identity identities_get(struct identities *ids, const struct owner *owner);

#endif

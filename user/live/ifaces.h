/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ifaces.h - the interfaces that are traced, as they come and go.
 *
 *	rtnetlink: links ─► ifaces_watch ─┬─ gone: what was attached there is given up
 *	                                  └─ there (again): attached, as at the start
 *
 * An interface is who has its name: one that is removed and made again is another to the kernel,
 * and the same to the user. With "any", those that come later are traced as well: the interfaces of
 * containers that start during the trace.
 *
 * The packet socket of "any" hears all interfaces that there are, so there is nothing to watch. All
 * calls act on the current network namespace.
 */
#ifndef HTTPLAT_IFACES_H
#define HTTPLAT_IFACES_H

#include <stdbool.h>

#include "../../bpf/event.h"
#include "../core/segment.h"
#include "../diag.h"
#include "attach.h"

struct ifaces;

/* Finds them; names as for attach_interfaces(). hook: HOOK_TC or HOOK_SOCKET. 0, or -errno with
 * *d set and *out untouched. */
int ifaces_open(const char *const *names, enum hook hook, struct ifaces **out, struct diag *d);

/* Which programs tc needs: for interfaces with and without an Ethernet header. */
void ifaces_kinds(const struct ifaces *is, bool *l2, bool *l3);

/* Attaches to all of them, and begins to watch. 0, or -errno with *d set. */
int ifaces_attach(struct ifaces *is, const struct attach_progs *progs, struct diag *d);

/* Takes note of what changed since the last call, which costs a system call where nothing did.
 * `say` is told, a sentence each, when one that was named goes and comes back, and when one
 * cannot be attached to. */
void ifaces_watch(struct ifaces *is, void (*say)(void *ctx, const char *sentence), void *ctx);

/* Detaches and frees. NULL is fine. */
void ifaces_close(struct ifaces *is);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netns.h - moves into another network namespace, for good.
 *
 * Interfaces, packet sockets, tc hooks and the addresses of a host belong to a namespace. Coming
 * back to it time and again would take CAP_SYS_ADMIN all along, and its name, or the process that
 * was named, may be gone by then. Only the calling thread moves.
 */
#ifndef HTTPLAT_NETNS_H
#define HTTPLAT_NETNS_H

#include <stdint.h>

#include "../diag.h"

/*
 * Enters the namespace `spec`: a pid, a name below /run/netns, or a path; NULL stays where it is.
 * 0, or -errno with *d set (-ENOENT with EXIT_USAGE: no such namespace; -EPERM: CAP_SYS_ADMIN) and
 * nothing entered.
 */
int netns_enter(const char *spec, struct diag *d);

/* The inode number of the current namespace; 0 where /proc does not tell. */
uint32_t netns_inode(void);

#endif

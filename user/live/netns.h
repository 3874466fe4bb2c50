/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netns.h - does something inside another network namespace and comes back.
 *
 * Interfaces, packet sockets and tc hooks belong to the namespace in which they were made, and stay
 * usable from outside. Only the calling thread moves.
 */
#ifndef HTTPLAT_NETNS_H
#define HTTPLAT_NETNS_H

#include <stdint.h>

#include "../diag.h"

/*
 * Enters the namespace `spec`: a pid, a name below /run/netns, or a path; NULL stays where it is.
 * *home is then to be given to netns_leave(). 0, or -errno with *d set (-ENOENT with EXIT_USAGE:
 * no such namespace; -EPERM: CAP_SYS_ADMIN) and nothing entered.
 */
int netns_enter(const char *spec, int *home, struct diag *d);
void netns_leave(int home);

/* The inode number of the current namespace; 0 where /proc does not tell. */
uint32_t netns_inode(void);

#endif

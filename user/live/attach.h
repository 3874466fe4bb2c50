/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach.h - where the capture programs are hung.
 *
 * Everything but a legacy clsact filter is a file descriptor (a BPF link, or a packet socket): it
 * goes with the process, however that ends. Legacy filters outlive a kill; see clsact.h for how
 * they are found again.
 */
#ifndef HTTPLAT_ATTACH_H
#define HTTPLAT_ATTACH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "../diag.h"

struct iface {
	unsigned int ifindex; /* 0: any (packet socket only) */
	char name[IF_NAMESIZE];
	bool has_l2; /* packets at tc begin with an Ethernet header */
};

/* File descriptors of the loaded programs; -1 where a hook does not need one. */
struct attach_progs {
	int cg_in, cg_out;
	int tc_in, tc_out;   /* devices with an Ethernet header */
	int tc_in3, tc_out3; /* devices without */
	int tap;
};

struct clsact;

struct attach {
	int *fds; /* links and sockets */
	size_t fd_cnt;
	struct clsact **filters;
	size_t filter_cnt;
};

/*
 * Interfaces of the current network namespace. names is NULL-terminated; NULL, or "any" alone,
 * means all of them. *out is a heap array. -ENODEV with EXIT_USAGE for a name that does not exist.
 */
int attach_interfaces(const char *const *names, struct iface **out, size_t *cnt, struct diag *d);

/* All return 0, or -errno with *d set; what was attached before stays in *at for attach_close(). */
int attach_cgroup(struct attach *at, const struct attach_progs *progs, int cgroup_fd,
		  struct diag *d);
/* In the namespace of the interfaces. legacy: do not try TCX. */
int attach_tc(struct attach *at, const struct attach_progs *progs, const struct iface *ifaces,
	      size_t cnt, bool legacy, struct diag *d);
int attach_socket(struct attach *at, const struct attach_progs *progs, const struct iface *ifaces,
		  size_t cnt, struct diag *d);

/* Detaches everything; in the namespace of the interfaces. Leaves *at empty. */
void attach_close(struct attach *at);

/* Internal to the attach_*.c files: takes over a descriptor, closes it without memory. */
int attach_keep_fd(struct attach *at, int fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * inventory.h - what could be traced on this host now, by /proc and the runtimes' state files.
 *
 *	/proc/PID ─ cgroup path ─ names ┐
 *	/proc/PID/net, fd ─ sockets ────┴─► rows: containers, units, processes
 *
 * Containers are listed with and without sockets, units and processes with TCP sockets alone. A
 * picture of one moment: what begins or ends meanwhile may be missing. Strings are hostile bytes.
 */
#ifndef HTTPLAT_INVENTORY_H
#define HTTPLAT_INVENTORY_H

#include <stdint.h>

#include "core/segment.h"

enum inventory_kind { INVENTORY_CONTAINER, INVENTORY_UNIT, INVENTORY_PROCESS, INVENTORY_KINDS };

/* What is not known is NULL. */
struct inventory_row {
	enum inventory_kind kind;
	char *container_id, *container_name, *image;
	const char *runtime;
	char *pod_uid, *pod, *pod_namespace, *pod_container;
	char *unit, *cgroup_path;
	char comm[16];	/* of a process */
	uint32_t uid;	/* of a process: effective */
	uint32_t *pids; /* those in it, ascending; of a process its own */
	unsigned int pid_cnt, pid_room;
	struct endpoint *listens; /* without repetitions */
	unsigned int listen_cnt, listen_room;
	unsigned int connections;
};

struct inventory {
	struct inventory_row *rows; /* by kind, then by name or pid */
	unsigned int cnt, room;
};

/* `root` as in owner.h. 0 or -ENOMEM; inventory_free() in any case. */
int inventory_take(const char *root, struct inventory *out);
void inventory_free(struct inventory *inv);

#endif

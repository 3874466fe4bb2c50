/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * procfs.h - what /proc says of a process. The names in it are hostile bytes.
 */
#ifndef HTTPLAT_PROCFS_H
#define HTTPLAT_PROCFS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * When the process started, in clock ticks since boot: with the pid it names a process for good.
 * 0 when there is no such process.
 */
uint64_t procfs_start_time(uint32_t pid);

/* The thread name of the process' first thread, NUL padded. 0 or -errno. */
int procfs_comm(uint32_t pid, char comm[16]);

/* Who made it, or who took it on when that one died. 0: nobody, or there is no such process. */
uint32_t procfs_parent(uint32_t pid);

/* Its effective user id. 0 or -errno. */
int procfs_uid(uint32_t pid, uint32_t *uid);

/* The inode of the process' pid name space, which names it; 0 when it cannot be read. */
uint64_t procfs_pid_ns(uint32_t pid);

/*
 * What the process calls itself: its pid in the innermost pid name space. 0 when it is in the
 * same one as we are, or when that cannot be read.
 */
uint32_t procfs_inner_pid(uint32_t pid);

/*
 * The cgroup path that says most about the process, from /proc/PID/cgroup: the one in cgroup2
 * unless that is the root, then systemd's named v1 hierarchy, then the v1 controllers (memory,
 * pids and cpu before others), then "/". Heap; NULL when it cannot be read.
 */
char *procfs_cgroup(uint32_t pid);

/* The path in cgroup2 alone. Heap; NULL when there is none. */
char *procfs_cgroup2(uint32_t pid);

/* The same for the text of such a file, which is modified. For procfs_cgroup() and its test. */
char *procfs_pick_cgroup(char *text);

#endif

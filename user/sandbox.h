/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sandbox.h - what a run may still do once everything is open.
 *
 *	open files, load, attach ──► sandbox_enter() ──► hostile bytes: packets, HTTP, names, other processes' files
 *
 * From then on the process only reads what it is told, looks up who somebody is, and writes to what
 * is open. The other capabilities are dropped, no_new_privs is set, and a seccomp filter
 * (seccomp(2), made with libseccomp) answers every other system call with ENOSYS: nothing is
 * executed, no process is made, no file is opened for writing, no program is loaded, no connection
 * made, no memory made executable. To files it is nobody then, with CAP_DAC_READ_SEARCH.
 */
#ifndef HTTPLAT_SANDBOX_H
#define HTTPLAT_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sandbox {
	bool live;	   /* names are looked up, BPF maps are used */
	bool interfaces;   /* live at interfaces: they are listed, with their addresses, attached to and left */
	bool makes_files;  /* opens files for writing as it goes, and removes them */
	pid_t child;	   /* may be ended; 0: none */
	uint64_t caps;	   /* kept by the calling thread: caps.h */
};

/*
 * Restricts the calling thread's capabilities and, but for those, every thread of the process; what
 * they do later is restricted too. There is no way back. 0, or -errno: -ENOSYS, -EINVAL where the
 * kernel has no seccomp; capabilities are dropped then all the same.
 *
 * The environment variable HTTPLAT_SECCOMP says what becomes of a system call that is not allowed:
 * `kill` ends the process by SIGSYS (what the tests run with), `log` has the kernel log it and lets
 * it pass, `off` installs no filter.
 */
int sandbox_enter(const struct sandbox *sb);

/* Whether the kernel takes such filters: 0 or -errno. Nothing is installed. */
int sandbox_probe(void);

#endif

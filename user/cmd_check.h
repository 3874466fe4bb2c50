/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd_check.h - `httplat check`: what works on this host, what does not, and why.
 *
 * Everything is found out by trying it (a capability is looked up, a program is loaded, a hook is
 * attached and detached at once), never by the kernel's version.
 */
#ifndef HTTPLAT_CMD_CHECK_H
#define HTTPLAT_CMD_CHECK_H

/* argv[0] is "check". Prints a line for each thing, "ok", "warn" or "no" first. Returns the exit status: 0
 * when at least one hook can capture, 3 when none can, 2 for usage. */
int cmd_check(int argc, char **argv);

#endif

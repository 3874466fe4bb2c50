/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd_ps.h - `httplat ps`: what could be traced now: containers, units and processes with TCP
 * sockets, what -c, --pod and --unit take for them, and their listening ports.
 */
#ifndef HTTPLAT_CMD_PS_H
#define HTTPLAT_CMD_PS_H

/* Prints it, and what went wrong to standard error. argv[0] is "ps". Returns the exit status. */
int cmd_ps(int argc, char **argv);

#endif

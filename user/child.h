/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * child.h - a command that is run to be traced: httplat -- COMMAND ARGS.
 *
 * It exists from child_start() on, so that its pid is known, and executes the command when it is told to, so that
 * nothing of it is missed.
 */
#ifndef HTTPLAT_CHILD_H
#define HTTPLAT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "diag.h"

struct child {
	pid_t pid; /* 0: none */
	int go_fd; /* -1: it was told */
	int err_fd;
	bool ended;
	int status; /* as waitpid(2) has it; with `ended` */
};

/* argv is NULL-terminated, and borrowed until child_go(). quiet: the terminal is not the command's: what of its
 * input and output is a terminal becomes /dev/null. 0, or -errno with *d set. */
int child_start(char *const *argv, bool quiet, struct child *c, struct diag *d);

/* Lets it execute the command. 0; or -errno with *d set when that cannot be executed. */
int child_go(struct child *c, struct diag *d);

/* Whether it has ended. Doesn't block. */
bool child_ended(struct child *c);

/* Ends it, if it has not: SIGTERM, a second later SIGKILL. */
void child_end(struct child *c);

#endif

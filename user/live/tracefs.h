/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracefs.h - classic tracepoints, found in tracefs. Where nobody mounted it, it is mounted
 * detached: in no name space, and gone with the descriptor.
 */
#ifndef HTTPLAT_TRACEFS_H
#define HTTPLAT_TRACEFS_H

struct tracefs {
	int fd; /* its root; -1: not open */
};

/* 0, or -errno with fd -1 (-EPERM under lockdown=confidentiality). */
int tracefs_open(struct tracefs *tf);
void tracefs_close(struct tracefs *tf);

/*
 * Whether the record of event "GROUP/NAME" has this field: 1, 0, or -errno (-ENOENT: no such
 * event).
 */
int tracefs_has_field(const struct tracefs *tf, const char *event, const char *field);

/* A perf event of that tracepoint to attach a program to; the caller's to close. -errno. */
int tracefs_event_open(const struct tracefs *tf, const char *event);

#endif

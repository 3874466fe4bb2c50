/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.h - one clear sentence for the user: what failed, why, and what to do about it.
 *
 * Lower layers fill a struct diag and return -errno; only main() prints it, once.
 */
#ifndef HTTPLAT_DIAG_H
#define HTTPLAT_DIAG_H

enum exit_status {
	EXIT_DONE = 0,
	EXIT_RUNTIME = 1,     /* a failure at run time */
	EXIT_USAGE = 2,       /* the command line */
	EXIT_UNSUPPORTED = 3, /* not permitted, or not supported on this host */
	EXIT_FAIL_IF = 4,     /* a --fail-if condition holds */
};

struct diag {
	enum exit_status status;
	char text[640];
};

/* Fills *d (NULL is fine) and returns `err`, a negative errno, so that callers can `return
 * diag_set(...)`. The first sentence wins: a diag that is already set stays. */
int diag_set(struct diag *d, enum exit_status status, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "WHO: the sentence" to standard error, escaped: it may name a file, or quote what a script was
 * handed. */
void diag_print(const struct diag *d, const char *who);

#endif

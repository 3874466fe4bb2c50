/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * input.h - a capture from a pipe that doesn't hold up the terminal: while nothing comes, keys are taken and the
 * screen is drawn.
 */
#ifndef HTTPLAT_INPUT_H
#define HTTPLAT_INPUT_H

#include <stdbool.h>

struct input_wait {
	/* Called again and again while `fd` has nothing to read: polls it, for a while, together with what else
	 * matters. False: the read ends as if a signal had come. */
	bool (*fn)(void *ctx, int fd);
	void *ctx;
	int fd; /* input.c's */
};

/*
 * Prepares reading of `path` ("-": standard input) and returns what to read in its place: what is no regular file
 * is read through stdin, which calls wait->fn from now on; all else, what can't be opened as well, is `path`
 * itself. *wait is borrowed.
 */
const char *input_prepare(const char *path, struct input_wait *wait);

#endif

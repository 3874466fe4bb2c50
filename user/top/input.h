/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * input.h - standard input that doesn't hold up the terminal: while a capture comes through a pipe, keys are
 * taken and the screen is drawn.
 */
#ifndef HTTPLAT_INPUT_H
#define HTTPLAT_INPUT_H

#include <stdbool.h>

/* Called a while after each read that had to wait. `fd` is to be polled together with what else matters; false: the
 * read ends as if a signal had come. */
struct input_wait {
	bool (*fn)(void *ctx, int fd);
	void *ctx;
};

/* From now on each read of stdin calls wait->fn until the descriptor is readable. *wait is borrowed. False without
 * memory: stdin stays as it is. */
bool input_wait_on_stdin(const struct input_wait *wait);

#endif

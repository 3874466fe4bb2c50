// SPDX-License-Identifier: GPL-2.0-only
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static ssize_t read_when_ready(void *cookie, char *buf, size_t size)
{
	const struct input_wait *wait = cookie;
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

	while (poll(&fd, 1, 0) == 0) {
		if (!wait->fn(wait->ctx, STDIN_FILENO)) {
			errno = EINTR;
			return -1;
		}
	}
	return read(STDIN_FILENO, buf, size);
}

bool input_wait_on_stdin(const struct input_wait *wait)
{
	static const cookie_io_functions_t functions = {.read = read_when_ready};
	FILE *in = fopencookie((void *)wait, "r", functions);

	/* The standard streams are variables in glibc, meant to be set (its manual, Standard Streams). */
	if (in)
		stdin = in;
	return in;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_when_ready(void *cookie, char *buf, size_t size)
{
	const struct input_wait *wait = cookie;
	struct pollfd fd = {.fd = wait->fd, .events = POLLIN};

	while (poll(&fd, 1, 0) == 0) {
		if (!wait->fn(wait->ctx, wait->fd)) {
			errno = EINTR;
			return -1;
		}
	}
	return read(wait->fd, buf, size);
}

/* A pipe that was opened for this is closed with the process. */
const char *input_prepare(const char *path, struct input_wait *wait)
{
	static const cookie_io_functions_t functions = {.read = read_when_ready};
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat st;
	FILE *in;

	if (!is_stdin && (stat(path, &st) || !S_ISFIFO(st.st_mode)))
		return path;
	wait->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	in = wait->fd < 0 ? NULL : fopencookie(wait, "r", functions);
	if (!in)
		return path;
	/* The standard streams are variables in glibc, meant to be set (its manual, Standard Streams). */
	stdin = in;
	return "-";
}

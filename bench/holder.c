// SPDX-License-Identifier: GPL-2.0-only
/*
 * holder.c - holds COUNT connections that are idle after one HTTP request each, at ADDRESS, ports PORT and up. Both
 * ends are its own: pairs of children, since a process may have few descriptors.
 *
 * usage: holder COUNT ADDRESS PORT
 *
 * Prints "ready" when all have been answered, and waits to be ended; the children end with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PER_CHILD = 15000,
	BURST = 100, /* and then a pause: what is measured is not how they came */
	PAUSE_US = 50000,
};

static const char REQUEST[] = "GET /idle HTTP/1.1\r\nHost: holder\r\n\r\n";
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void die(const char *what)
{
	fprintf(stderr, "holder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(int fd, const char *text, size_t len)
{
	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static void hear(int fd, size_t len)
{
	char buf[256];
	ssize_t n;

	for (; len; len -= (size_t)n) {
		n = recv(fd, buf, len < sizeof(buf) ? len : sizeof(buf), 0);
		if (n <= 0)
			die("recv");
	}
}

static void serve(int listener, int cnt)
{
	while (cnt--) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		hear(fd, sizeof(REQUEST) - 1);
		say(fd, RESPONSE, sizeof(RESPONSE) - 1);
	}
}

static void ask(const struct sockaddr_in *to, int cnt)
{
	while (cnt--) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
			die("connect");
		say(fd, REQUEST, sizeof(REQUEST) - 1);
		hear(fd, sizeof(RESPONSE) - 1);
		if (cnt % BURST == 0)
			usleep(PAUSE_US);
	}
}

static int listen_at(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)at, sizeof(*at)) || listen(fd, 128))
		die("listen");
	return fd;
}

/* No child ends but by a failure, of which it has told. */
static void child_ended(int sig)
{
	_exit(1);
}

/* A child that dies with us; 0 in the child. */
static pid_t child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		signal(SIGCHLD, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			exit(1);
	}
	return pid;
}

static void pair(const struct sockaddr_in *at, int cnt, int done)
{
	int listener = listen_at(at);

	if (!child()) {
		serve(listener, cnt);
		for (;;)
			pause();
	}
	if (!child()) {
		close(listener);
		ask(at, cnt);
		if (write(done, "", 1) != 1)
			die("pipe");
		for (;;)
			pause();
	}
	close(listener);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int left, port, pairs = 0, done[2];
	char byte;

	if (argc != 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1 || pipe(done)) {
		fputs("usage: holder COUNT ADDRESS PORT\n", stderr);
		return 2;
	}
	signal(SIGCHLD, child_ended);
	left = atoi(argv[1]);
	for (port = atoi(argv[3]); left > 0; port++, pairs++, left -= PER_CHILD) {
		at.sin_port = htons((uint16_t)port);
		pair(&at, left < PER_CHILD ? left : PER_CHILD, done[1]);
	}
	while (pairs--)
		if (read(done[0], &byte, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

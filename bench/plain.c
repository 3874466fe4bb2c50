// SPDX-License-Identifier: GPL-2.0-only
/*
 * plain.c - TCP traffic that is not HTTP, on loopback between two processes of its own.
 *
 * usage: plain stream SECONDS		blocks of 64 KiB, one after the other
 *	  plain pingpong SECONDS	messages of 64 bytes, each answered by one
 *
 * Both processes are bound to one CPU: where the scheduler happens to put them would count for more than all else.
 *
 * Prints one JSON object: requests (blocks, or answered messages), errors, seconds, p50_us, p99_us (0 for blocks).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 65536,
	MESSAGE = 64,
	SLOTS = 1 << 20, /* of 100 ns each */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "plain: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* len bytes; false at the end of the stream. */
static bool hear(int fd, char *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= (size_t)n) {
		n = recv(fd, buf, len, 0);
		if (n < 0)
			die("recv");
		if (!n)
			return false;
	}
	return true;
}

static void say(int fd, const char *buf, size_t len)
{
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static void serve(int fd, bool answer)
{
	static char buf[BLOCK];

	while (hear(fd, buf, answer ? MESSAGE : BLOCK))
		if (answer)
			say(fd, buf, MESSAGE);
}

static uint64_t stream(int fd, uint64_t end)
{
	static char block[BLOCK]; /* zeros: nobody's protocol */
	uint64_t cnt;

	for (cnt = 0; now_ns() < end; cnt++)
		say(fd, block, BLOCK);
	return cnt;
}

static uint64_t pingpong(int fd, uint64_t end, uint32_t *slots)
{
	char message[MESSAGE] = {0};
	uint64_t cnt, then, now = now_ns();

	for (cnt = 0; now < end; cnt++) {
		then = now;
		say(fd, message, MESSAGE);
		if (!hear(fd, message, MESSAGE))
			die("answer");
		now = now_ns();
		slots[(now - then) / 100 < SLOTS ? (now - then) / 100 : SLOTS - 1]++;
	}
	return cnt;
}

static double percentile(const uint32_t *slots, double want)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < SLOTS - 1; i++) {
		sum += slots[i];
		if (sum > want)
			break;
	}
	return i / 10.0;
}

/* A connection, and a child at its other end. */
static int connection(bool answer, pid_t *pid)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0),
	    on = 1;
	socklen_t len = sizeof(at);

	if (listener < 0 || fd < 0 || bind(listener, (struct sockaddr *)&at, len) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&at, &len) ||
	    connect(fd, (struct sockaddr *)&at, len))
		die("connection");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*pid = fork();
	if (*pid < 0)
		die("fork");
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd);
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			die("accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		serve(fd, answer);
		exit(0);
	}
	close(listener);
	return fd;
}

static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	uint32_t *slots = calloc(SLOTS, sizeof(*slots));
	uint64_t start, cnt;
	bool answer;
	pid_t pid;
	int fd;

	if (argc != 3 || !slots || (strcmp(argv[1], "stream") && strcmp(argv[1], "pingpong"))) {
		fputs("usage: plain stream|pingpong SECONDS\n", stderr);
		return 2;
	}
	answer = argv[1][0] == 'p';
	stay_here();
	fd = connection(answer, &pid);
	start = now_ns();
	if (answer)
		cnt = pingpong(fd, start + strtoull(argv[2], NULL, 10) * 1000000000ull, slots);
	else
		cnt = stream(fd, start + strtoull(argv[2], NULL, 10) * 1000000000ull);
	close(fd);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
	printf("{\"requests\": %llu, \"errors\": 0, \"seconds\": %.6f, \"p50_us\": %.1f, "
	       "\"p99_us\": %.1f}\n",
	       (unsigned long long)cnt, (double)(now_ns() - start) / 1e9,
	       answer ? percentile(slots, (double)cnt * 0.5) : 0,
	       answer ? percentile(slots, (double)cnt * 0.99) : 0);
	return 0;
}

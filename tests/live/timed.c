// SPDX-License-Identifier: GPL-2.0-only
/*
 * timed.c - a server that writes down its own times, and its client.
 *
 *   timed PORT CONNECTIONS REQUESTS
 *
 * For each request, GET /N with N from 0 on, one after the other on each connection, a line
 *
 *   N READ FIRST LAST
 *
 * in nanoseconds of CLOCK_REALTIME: when recv() had returned the request's end, before the first send() of the
 * answer, and before its last one.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THINK_NS 300000 /* between reading and answering */
#define PAUSE_NS 100000 /* between the answer's two halves */

static const char first_half[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234";
static const char second_half[] = "56789";

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void busy(int64_t ns)
{
	int64_t end = now_ns() + ns;

	while (now_ns() < end)
		;
}

static void need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void send_all(int fd, const char *bytes, size_t len)
{
	need(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len, "send");
}

/* Until what came ends with `end`; returns its length, 0 at the end of the stream. */
static size_t receive(int fd, char *buf, size_t size, const char *end)
{
	size_t len = 0, tail = strlen(end);
	ssize_t n;

	while (len < tail || memcmp(buf + len - tail, end, tail)) {
		n = recv(fd, buf + len, size - 1 - len, 0);
		if (n <= 0)
			return 0;
		len += n;
	}
	buf[len] = 0;
	return len;
}

static void serve(int listener, unsigned int connections)
{
	char buf[512];
	int one = 1;

	while (connections--) {
		int fd = accept(listener, NULL, NULL);

		need(fd >= 0, "accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while (receive(fd, buf, sizeof(buf), "\r\n\r\n")) {
			int64_t read_ns = now_ns(), first_ns, last_ns;

			busy(THINK_NS);
			first_ns = now_ns();
			send_all(fd, first_half, sizeof(first_half) - 1);
			busy(PAUSE_NS);
			last_ns = now_ns();
			send_all(fd, second_half, sizeof(second_half) - 1);
			printf("%ld %ld %ld %ld\n", strtol(buf + strlen("GET /"), NULL, 10),
			       (long)read_ns, (long)first_ns, (long)last_ns);
		}
		close(fd);
	}
}

static void ask(const struct sockaddr_in *to, unsigned int connections, unsigned int requests)
{
	unsigned int i, k, n = 0;
	char buf[512];
	int one = 1;

	for (i = 0; i < connections; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		need(fd >= 0 && !connect(fd, (const void *)to, sizeof(*to)), "connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		for (k = 0; k < requests; k++) {
			int len = snprintf(buf, sizeof(buf), "GET /%u HTTP/1.1\r\nHost: h\r\n\r\n",
					   n++);

			send_all(fd, buf, len);
			need(receive(fd, buf, sizeof(buf), "56789") > 0, "answer");
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	unsigned int connections, requests;
	int listener, status, one = 1;
	pid_t client;

	if (argc != 4)
		return 2;
	sa.sin_port = htons(atoi(argv[1]));
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connections = atoi(argv[2]);
	requests = atoi(argv[3]);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	need(!bind(listener, (void *)&sa, sizeof(sa)) && !listen(listener, 8), "listen");
	client = fork();
	if (!client) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ask(&sa, connections, requests);
		return 0;
	}
	serve(listener, connections);
	waitpid(client, &status, 0);
	return status != 0;
}

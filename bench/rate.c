// SPDX-License-Identifier: GPL-2.0-only
/*
 * rate.c - an HTTP/1.1 client that keeps to a schedule: request k is due at start + k / RATE, whether or not the
 * ones before it have been answered. A latency counts from when its request was due, so waiting for a free connection is
 * in it.
 *
 * usage: rate [--close] ADDRESS PORT PATH RATE SECONDS CONNECTIONS
 *
 * Prints one JSON object: requests, errors, seconds, p50_us, p99_us.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	HEAD_MAX = 4096,
	SLOTS = 1 << 21, /* of a microsecond each; the last one holds all that is longer */
	CONNECTIONS_MAX = 15000,
};

#define PATIENCE_NS 5000000000ull /* after the last request was due */

struct conn {
	int fd; /* -1: not connected */
	bool busy, connecting;
	uint64_t due;
	char head[HEAD_MAX];
	size_t head_len;
	bool in_body;
	uint64_t left; /* of the body */
};

struct client {
	struct sockaddr_in to;
	char request[1024];
	size_t request_len;
	bool close_each;
	int epoll;
	struct conn *conns;
	int *idle; /* stack of those that are not busy */
	size_t idle_cnt;
	uint64_t answered, errors;
	uint32_t *slots;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "rate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void disconnect(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd); /* leaves the epoll set as well */
	c->fd = -1;
	c->connecting = false;
}

static void done(struct client *cl, struct conn *c, bool good)
{
	uint64_t us = (now_ns() - c->due) / 1000;

	if (good) {
		cl->answered++;
		cl->slots[us < SLOTS ? us : SLOTS - 1]++;
	} else {
		cl->errors++;
	}
	if (!good || cl->close_each)
		disconnect(c);
	c->busy = false;
	cl->idle[cl->idle_cnt++] = (int)(c - cl->conns);
}

static bool connect_to(struct client *cl, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(c->fd, (struct sockaddr *)&cl->to, sizeof(cl->to)) && errno != EINPROGRESS)
		return false;
	c->connecting = true;
	if (epoll_ctl(cl->epoll, EPOLL_CTL_ADD, c->fd, &ev))
		die("epoll_ctl");
	return true;
}

static bool send_request(const struct client *cl, const struct conn *c)
{
	return send(c->fd, cl->request, cl->request_len, MSG_NOSIGNAL) == (ssize_t)cl->request_len;
}

static void begin(struct client *cl, uint64_t due)
{
	struct conn *c = &cl->conns[cl->idle[--cl->idle_cnt]];

	c->busy = true;
	c->due = due;
	c->head_len = 0;
	c->in_body = false;
	if (c->fd < 0) {
		if (!connect_to(cl, c))
			done(cl, c, false);
	} else if (!send_request(cl, c)) {
		done(cl, c, false);
	}
}

/* The head is complete: how much body follows what has come with it. */
static bool read_head(struct conn *c)
{
	char *end, *field;
	size_t body;

	c->head[c->head_len] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (!end)
		return c->head_len < HEAD_MAX - 1;
	field = strcasestr(c->head, "\r\nContent-Length:");
	if (strncmp(c->head, "HTTP/1.1 200", 12) || !field || field > end)
		return false;
	body = c->head_len - (size_t)(end + 4 - c->head);
	c->left = strtoull(field + 17, NULL, 10);
	if (body > c->left)
		return false;
	c->left -= body;
	c->in_body = true;
	return true;
}

static void receive(struct client *cl, struct conn *c)
{
	static char sink[1 << 18];
	ssize_t n;

	while (c->busy) {
		if (c->in_body)
			n = recv(c->fd, sink, sizeof(sink), 0);
		else
			n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || (c->in_body && (uint64_t)n > c->left)) {
			done(cl, c, false);
			return;
		}
		if (c->in_body) {
			c->left -= (uint64_t)n;
		} else {
			c->head_len += (size_t)n;
			if (!read_head(c)) {
				done(cl, c, false);
				return;
			}
		}
		if (c->in_body && !c->left)
			done(cl, c, true);
	}
}

static void handle(struct client *cl, struct conn *c, uint32_t events)
{
	if (c->connecting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		c->connecting = false;
		if (c->busy && !send_request(cl, c)) {
			done(cl, c, false);
			return;
		}
	}
	if (c->busy)
		receive(cl, c);
	else if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLIN))
		disconnect(c); /* the server closed it, or says what nobody asked */
}

static void wait_for(struct client *cl, uint64_t until)
{
	struct epoll_event evs[256];
	uint64_t now = now_ns(), ns = until > now ? until - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000)};
	int i, cnt = epoll_pwait2(cl->epoll, evs, 256, &ts, NULL);

	if (cnt < 0 && errno != EINTR)
		die("epoll_pwait2");
	for (i = 0; i < cnt; i++)
		handle(cl, evs[i].data.ptr, evs[i].events);
}

static void run(struct client *cl, uint64_t rate, uint64_t total)
{
	uint64_t start = now_ns(), k = 0, due;
	uint64_t end = start + total * 1000000000ull / rate + PATIENCE_NS;

	while (cl->answered + cl->errors < total && now_ns() < end) {
		due = start + k * 1000000000ull / rate;
		while (k < total && cl->idle_cnt && due <= now_ns()) {
			begin(cl, due);
			due = start + ++k * 1000000000ull / rate;
		}
		wait_for(cl, k < total && cl->idle_cnt ? due : end);
	}
	cl->errors = total - cl->answered;
}

static uint32_t percentile(const struct client *cl, double part)
{
	uint64_t sum = 0, want = (uint64_t)((double)cl->answered * part);
	uint32_t us;

	for (us = 0; us < SLOTS - 1; us++) {
		sum += cl->slots[us];
		if (sum > want)
			break;
	}
	return us;
}

static void setup(struct client *cl, char **arg, size_t conn_cnt)
{
	size_t i;

	cl->to.sin_family = AF_INET;
	cl->to.sin_port = htons((uint16_t)atoi(arg[1]));
	if (inet_pton(AF_INET, arg[0], &cl->to.sin_addr) != 1) {
		errno = EINVAL;
		die(arg[0]);
	}
	cl->request_len = (size_t)snprintf(cl->request, sizeof(cl->request),
					   "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", arg[2], arg[0],
					   cl->close_each ? "Connection: close\r\n" : "");
	cl->epoll = epoll_create1(EPOLL_CLOEXEC);
	cl->conns = calloc(conn_cnt, sizeof(*cl->conns));
	cl->idle = calloc(conn_cnt, sizeof(*cl->idle));
	cl->slots = calloc(SLOTS, sizeof(*cl->slots));
	if (cl->epoll < 0 || !cl->conns || !cl->idle || !cl->slots)
		die("no memory");
	for (i = 0; i < conn_cnt; i++) {
		cl->conns[i].fd = -1;
		cl->idle[cl->idle_cnt++] = (int)i;
	}
}

int main(int argc, char **argv)
{
	struct client cl = {.close_each = argc > 1 && !strcmp(argv[1], "--close")};
	char **arg = argv + 1 + cl.close_each;
	uint64_t rate, seconds, start;
	int conn_cnt;

	if (argc != 7 + cl.close_each) {
		fputs("usage: rate [--close] ADDRESS PORT PATH RATE SECONDS CONNECTIONS\n", stderr);
		return 2;
	}
	rate = strtoull(arg[3], NULL, 10);
	seconds = strtoull(arg[4], NULL, 10);
	conn_cnt = atoi(arg[5]);
	if (!rate || !seconds || conn_cnt < 1 || conn_cnt > CONNECTIONS_MAX) {
		fputs("rate: a number is out of range\n", stderr);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1000);
	setup(&cl, arg, (size_t)conn_cnt);
	start = now_ns();
	run(&cl, rate, rate * seconds);
	printf("{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"p50_us\": %u, "
	       "\"p99_us\": %u}\n",
	       (unsigned long long)cl.answered, (unsigned long long)cl.errors,
	       (double)(now_ns() - start) / 1e9, percentile(&cl, 0.5), percentile(&cl, 0.99));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * uring.c - one end of plain HTTP whose socket calls all go through io_uring, by bare system calls.
 *
 *	uring serve MODE --log FILE --port-file FILE   answers a connection at a time
 *	uring fetch MODE PORT PATH...                  one connection, a request for each PATH
 *
 *	plain    submitted and done by this thread
 *	async    IOSQE_ASYNC: a worker thread of the kernel (iou-wrk) is tried first
 *	sqpoll   a thread of the kernel (iou-sqp) submits
 *
 * Each exchange gives a JSON line, in the log or on standard output. Exit status 77, with the
 * reason on standard error: io_uring is not to be had.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 4

static struct {
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	bool async, sqpoll;
} ring;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(size_t len, off_t at)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, at);

	if (p == MAP_FAILED)
		fail("mmap of the ring");
	return p;
}

static void ring_setup(const char *mode)
{
	struct io_uring_params *p = &ring.params;

	ring.async = !strcmp(mode, "async");
	ring.sqpoll = !strcmp(mode, "sqpoll");
	if (ring.sqpoll) {
		p->flags = IORING_SETUP_SQPOLL;
		p->sq_thread_idle = 50;
	}
	ring.fd = syscall(__NR_io_uring_setup, ENTRIES, p);
	if (ring.fd < 0) {
		fprintf(stderr, "io_uring_setup(%s): %s\n", mode, strerror(errno));
		exit(77);
	}
	ring.sq = map(p->sq_off.array + p->sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
	ring.cq = map(p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
		      IORING_OFF_CQ_RING);
	ring.sqes = map(p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

static uint32_t *in_ring(char *base, uint32_t off)
{
	return (uint32_t *)(void *)(base + off);
}

static void enter(unsigned int submit, unsigned int wait)
{
	unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0;

	if (ring.sqpoll) {
		submit = 0;
		if (__atomic_load_n(in_ring(ring.sq, ring.params.sq_off.flags), __ATOMIC_SEQ_CST) &
		    IORING_SQ_NEED_WAKEUP)
			flags |= IORING_ENTER_SQ_WAKEUP;
	}
	while (syscall(__NR_io_uring_enter, ring.fd, submit, wait, flags, NULL, 0) < 0)
		if (errno != EINTR)
			fail("io_uring_enter");
}

/* Does one thing and waits for its result, which is that of the system call, or -errno. */
static int do_one(int op, int fd, const void *addr, uint64_t off, unsigned int len)
{
	uint32_t *tail = in_ring(ring.sq, ring.params.sq_off.tail);
	uint32_t *array = in_ring(ring.sq, ring.params.sq_off.array);
	uint32_t *head = in_ring(ring.cq, ring.params.cq_off.head);
	uint32_t *cq_tail = in_ring(ring.cq, ring.params.cq_off.tail);
	uint32_t at = *tail & (ring.params.sq_entries - 1);
	struct io_uring_cqe *cqes = (void *)(ring.cq + ring.params.cq_off.cqes);
	int result;

	ring.sqes[at] = (struct io_uring_sqe){
		.opcode = op,
		.flags = ring.async ? IOSQE_ASYNC : 0,
		.fd = fd,
		.off = off,
		.addr = (uintptr_t)addr,
		.len = len,
	};
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_SEQ_CST);
	enter(1, 1);
	while (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == *head)
		enter(0, 1);
	result = cqes[*head & (ring.params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	if (result < 0) {
		errno = -result;
		fail("io_uring operation");
	}
	return result;
}

/* Reads on until `end` is there; false at the end of the stream. */
static bool read_until(int fd, char *buf, size_t size, const char *end)
{
	size_t used = 0;
	int n;

	do {
		n = do_one(IORING_OP_RECV, fd, buf + used, 0, size - 1 - used);
		used += n;
		buf[used] = 0;
	} while (n && !strstr(buf, end));
	return n;
}

static void send_all(int fd, const char *text)
{
	for (size_t len = strlen(text), sent = 0; sent < len;)
		sent += do_one(IORING_OP_SEND, fd, text + sent, 0, len - sent);
}

static unsigned int port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	if (name(fd, (struct sockaddr *)&sa, &len))
		fail("address of the socket");
	return ntohs(sa.sin_port);
}

static void write_port(const char *path, unsigned int port)
{
	char tmp[4096];
	FILE *f;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "w");
	if (!f || fprintf(f, "%u", port) < 0 || fclose(f) || rename(tmp, path))
		fail(path);
}

/* Which thread reads is known in plain mode alone. */
static void write_row(FILE *to, const char *key, const char *path, unsigned int port)
{
	fprintf(to, "{\"pid\": %d, ", getpid());
	if (!ring.async && !ring.sqpoll)
		fprintf(to, "\"tid\": %d, ", getpid());
	fprintf(to, "\"%s\": \"%s\", \"method\": \"GET\", ", key, path);
	fprintf(to, "\"status\": 200, \"body\": 5, \"port\": %u}\n", port);
	fflush(to);
}

static int serve(char **arg)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd, listener = socket(AF_INET, SOCK_STREAM, 0);
	FILE *log = fopen(arg[1], "a");
	char buf[4096], path[4096];

	if (!log)
		fail(arg[1]);
	if (bind(listener, (struct sockaddr *)&sa, sizeof(sa)) || listen(listener, 64))
		fail("listener");
	write_port(arg[3], port_of(listener, getsockname));
	for (;;) {
		fd = do_one(IORING_OP_ACCEPT, listener, NULL, 0, 0);
		while (read_until(fd, buf, sizeof(buf), "\r\n\r\n")) {
			if (sscanf(buf, "GET %4095s", path) != 1)
				return 1;
			send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
			write_row(log, "uri", path, port_of(fd, getpeername));
		}
		close(fd);
	}
}

static int fetch(char **arg)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char buf[4096];

	sa.sin_port = htons(atoi(arg[0]));
	do_one(IORING_OP_CONNECT, fd, &sa, sizeof(sa), 0);
	for (arg++; *arg; arg++) {
		snprintf(buf, sizeof(buf), "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", *arg);
		send_all(fd, buf);
		if (!read_until(fd, buf, sizeof(buf), "\r\n\r\nhello"))
			return 1;
		write_row(stdout, "path", *arg, port_of(fd, getsockname));
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool server = argc > 1 && !strcmp(argv[1], "serve");

	if (argc < 5 || (server && argc != 7))
		return 2;
	ring_setup(argv[2]);
	return server ? serve(argv + 3) : fetch(argv + 3);
}

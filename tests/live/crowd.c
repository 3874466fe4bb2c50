// SPDX-License-Identifier: GPL-2.0-only
/*
 * crowd.c - HTTP by very many processes, each of which lives for one request.
 *
 *	crowd serve MODE PORTFILE                a server on 127.0.0.1
 *	crowd call TAG NAME FIRST COUNT PORT...  COUNT clients, one after the other
 *	crowd move DIR TAG NAME FIRST COUNT PORT...  the same, each in a cgroup of its own below DIR,
 *	                                         called as its client, which goes with it
 *
 * Servers: `keep` is one process for everything, `fork` one for each connection, which names itself
 * srv-PORT after its client and exits after its answer.
 *
 * Clients: each is a process, forked after the one before it has ended, which names itself
 * NAME-NUMBER, connects to one of the ports, asks for /TAG/NUMBER, reads the answer and exits.
 *
 * Each end writes what it did as one line to standard output, in one write(2):
 *
 *	c|s number pid comm port-of-the-client
 *
 * But for `move` the cgroup is the caller's affair: all that is forked stays in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

static void tell(char end, unsigned int number, unsigned int port)
{
	char comm[16] = "", line[128];
	int len;

	prctl(PR_GET_NAME, comm);
	len = snprintf(line, sizeof(line), "%c %u %d %s %u\n", end, number, getpid(), comm, port);
	if (write(STDOUT_FILENO, line, len) != len)
		fail("write");
}

static bool read_until(int fd, char *buf, size_t size, const char *end)
{
	size_t used = 0;
	ssize_t n;

	do {
		n = read(fd, buf + used, size - 1 - used);
		if (n <= 0)
			return false;
		used += n;
		buf[used] = 0;
	} while (!strstr(buf, end));
	return true;
}

/* --- servers ---------------------------------------------------------------------------------- */

static void serve_one(int fd, unsigned int port)
{
	unsigned int number;
	char buf[4096];

	if (!read_until(fd, buf, sizeof(buf), "\r\n\r\n") ||
	    sscanf(buf, "GET /%*[^/]/%u", &number) != 1)
		return;
	/* Told first: who has the answer may be gone, and its cgroup, before we run again. */
	tell('s', number, port);
	if (write(fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
		fail("answer");
}

static int serve(const char *mode, const char *port_file)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool forks = !strcmp(mode, "fork");
	socklen_t len = sizeof(sa);
	char name[4096];
	FILE *f;

	if (bind(listener, (struct sockaddr *)&sa, len) || listen(listener, 1024) ||
	    getsockname(listener, (struct sockaddr *)&sa, &len))
		fail("listener");
	snprintf(name, sizeof(name), "%s.new", port_file);
	f = fopen(name, "w");
	if (!f || fprintf(f, "%u", ntohs(sa.sin_port)) < 0 || fclose(f) || rename(name, port_file))
		fail(port_file);
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, (struct sockaddr *)&sa, &len)) >= 0 || errno == EINTR) {
		unsigned int port = ntohs(sa.sin_port);

		if (forks && !fork()) {
			snprintf(name, 16, "srv-%u", port);
			prctl(PR_SET_NAME, name);
			serve_one(fd, port);
			_exit(0);
		}
		if (!forks)
			serve_one(fd, port);
		close(fd);
	}
	fail("accept");
	return 1;
}

/* --- clients ---------------------------------------------------------------------------------- */

static void call_one(const char *tag, const char *name, unsigned int number, unsigned int port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sa);
	char buf[4096];

	snprintf(buf, 16, "%s-%u", name, number);
	prctl(PR_SET_NAME, buf);
	sa.sin_port = htons(port);
	if (connect(fd, (struct sockaddr *)&sa, len))
		fail("connect");
	snprintf(buf, sizeof(buf), "GET /%s/%u HTTP/1.1\r\nHost: t\r\n\r\n", tag, number);
	if (write(fd, buf, strlen(buf)) < 0)
		fail("request");
	if (!read_until(fd, buf, sizeof(buf), "hello"))
		fail("answer");
	getsockname(fd, (struct sockaddr *)&sa, &len);
	tell('c', number, ntohs(sa.sin_port));
	_exit(0);
}

static void move_in(const char *dir)
{
	char path[8192];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (mkdir(dir, 0755) || (fd = open(path, O_WRONLY | O_CLOEXEC)) < 0 ||
	    write(fd, "0", 1) != 1)
		fail(path);
	close(fd);
}

/* The kernel needs a moment to see that the last process has gone. */
static void remove_dir(const char *dir)
{
	while (rmdir(dir))
		if (errno != EBUSY)
			fail(dir);
}

/* dir: each client has a cgroup of its own below it; NULL: they stay where they are. */
static int call(const char *dir, char **arg, int port_cnt)
{
	unsigned int first = atoi(arg[2]), count = atoi(arg[3]);
	char own[4096];
	int status;

	for (unsigned int n = first; n < first + count; n++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		snprintf(own, sizeof(own), "%s/%s-%u", dir ? dir : "", arg[1], n);
		if (!pid) {
			if (dir)
				move_in(own);
			call_one(arg[0], arg[1], n, atoi(arg[4 + n % port_cnt]));
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
		if (dir)
			remove_dir(own);
	}
	return 0;
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], argv[3]);
	if (argc >= 7 && !strcmp(argv[1], "call"))
		return call(NULL, argv + 2, argc - 6);
	if (argc >= 8 && !strcmp(argv[1], "move"))
		return call(argv[2], argv + 3, argc - 7);
	return 2;
}

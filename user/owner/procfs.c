// SPDX-License-Identifier: GPL-2.0-only
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A v1 host has a dozen hierarchies, each with a path of its own. */
#define CGROUP_FILE_MAX (16 * PATH_MAX)

/* Reads up to size - 1 bytes and ends them with NUL. The length, or -errno. */
static ssize_t read_proc(uint32_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += n;
	if (n < 0)
		n = -errno;
	close(fd);
	buf[used] = 0;
	return n < 0 ? n : (ssize_t)used;
}

/* The n-th field of /proc/PID/stat, from the third on, as a number. proc(5) counts from 1. */
static uint64_t stat_field(uint32_t pid, int n)
{
	char buf[1024], *at, *save = NULL;

	if (!pid || read_proc(pid, "stat", buf, sizeof(buf)) <= 0)
		return 0;
	/* "1 (name) S ...": the name may hold blanks and parentheses, so count from its end. */
	at = strrchr(buf, ')');
	if (!at)
		return 0;
	at = strtok_r(at + 1, " ", &save);
	for (int i = 3; at && i < n; i++)
		at = strtok_r(NULL, " ", &save);
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t procfs_start_time(uint32_t pid)
{
	return stat_field(pid, 22);
}

uint32_t procfs_parent(uint32_t pid)
{
	return (uint32_t)stat_field(pid, 4);
}

/* "Uid:\treal\teffective\tsaved\tfile system" */
int procfs_uid(uint32_t pid, uint32_t *uid)
{
	char buf[4096], *line;
	ssize_t len = read_proc(pid, "status", buf, sizeof(buf));

	if (len < 0)
		return (int)len;
	line = strstr(buf, "\nUid:\t");
	return line && sscanf(line, "\nUid: %*u %" SCNu32, uid) == 1 ? 0 : -EINVAL;
}

int procfs_comm(uint32_t pid, char comm[16])
{
	char buf[64];
	ssize_t len = read_proc(pid, "comm", buf, sizeof(buf));

	if (len < 0)
		return len;
	/* One newline is the kernel's; the others are part of the name. */
	if (len && buf[len - 1] == '\n')
		len--;
	if (len > 15)
		len = 15;
	memset(comm, 0, 16);
	memcpy(comm, buf, len);
	return 0;
}

uint64_t procfs_pid_ns(uint32_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/ns/pid", pid);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* "NSpid:\t4711\t12\t1": one pid for each name space, from that of this /proc inwards. */
uint32_t procfs_inner_pid(uint32_t pid)
{
	char buf[4096], *line, *last;
	uint32_t inner;

	if (read_proc(pid, "status", buf, sizeof(buf)) <= 0)
		return 0;
	/* The name, on the first line, holds no newline: the kernel escapes it. */
	line = strstr(buf, "\nNSpid:\t");
	if (!line)
		return 0;
	line += strlen("\nNSpid:\t");
	line[strcspn(line, "\n")] = 0;
	last = strrchr(line, '\t');
	inner = last ? strtoul(last + 1, NULL, 10) : 0;
	return inner == pid ? 0 : inner;
}

/* How much a hierarchy's path says: "" is cgroup2. */
static int rank_of(const char *controllers)
{
	static const char *const order[] = {"memory", "pids", "cpu", "cpu,cpuacct"};

	if (!*controllers)
		return 10;
	if (!strcmp(controllers, "name=systemd"))
		return 9;
	for (unsigned int i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (!strcmp(controllers, order[i]))
			return 8 - i;
	return 1;
}

/*
 * Each line is ID:CONTROLLERS:PATH (cgroups(7)). A path holds no newline, the kernel sees to
 * that.
 */
char *procfs_pick_cgroup(char *text)
{
	const char *best = NULL;
	int best_rank = -1;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		int rank;

		if (!path || path[1] != '/')
			continue;
		*path++ = 0;
		rank = strcmp(path, "/") ? rank_of(controllers + 1) : 0;
		if (rank > best_rank) {
			best = path;
			best_rank = rank;
		}
	}
	return best ? strdup(best) : NULL;
}

/* The whole of /proc/PID/cgroup, heap; NULL when it cannot be read. */
static char *read_cgroups(uint32_t pid)
{
	char *text = malloc(CGROUP_FILE_MAX);

	if (text && read_proc(pid, "cgroup", text, CGROUP_FILE_MAX) <= 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *procfs_cgroup(uint32_t pid)
{
	char *text = read_cgroups(pid);
	char *path = text ? procfs_pick_cgroup(text) : NULL;

	free(text);
	return path;
}

char *procfs_cgroup2(uint32_t pid)
{
	char *text = read_cgroups(pid);
	char *path = NULL, *save = NULL;

	if (!text)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "0::/", 4))
			path = strdup(line + 3);
	free(text);
	return path;
}

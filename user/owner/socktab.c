// SPDX-License-Identifier: GPL-2.0-only
#include "socktab.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETNS_MAX  4096
#define TCP_LISTEN 10 /* include/net/tcp_states.h */

/* Both tables are arrays that grow, sorted when they are full: no hash needed for one picture. */
struct holder {
	uint64_t inode;
	uint32_t pid;
};

struct conn {
	struct endpoint local, remote;
	uint64_t inode;
	uint32_t pid;
};

struct socktab {
	struct holder *holders;
	uint32_t holder_cnt, holder_room;
	struct conn *conns;
	uint32_t conn_cnt, conn_room;
	struct conn *listeners;
	uint32_t listener_cnt, listener_room;
	uint64_t netns[NETNS_MAX]; /* inodes of the name spaces that were read */
	uint32_t netns_cnt;
};

/* Room for one more element, up to max. */
static bool grow(void **array, uint32_t cnt, uint32_t *room, uint32_t max, size_t size)
{
	uint32_t want = *room ? *room * 2 : 256;
	void *bigger;

	if (cnt < *room)
		return true;
	if (cnt >= max)
		return false;
	if (want > max)
		want = max;
	bigger = realloc(*array, want * size);
	if (!bigger)
		return false;
	*array = bigger;
	*room = want;
	return true;
}

static int cmp_holder(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int cmp_endpoint(const struct endpoint *x, const struct endpoint *y)
{
	int c = memcmp(x->addr, y->addr, sizeof(x->addr));

	return c ? c : (int)x->port - (int)y->port;
}

static int cmp_conn(const void *a, const void *b)
{
	const struct conn *x = a, *y = b;
	int c = cmp_endpoint(&x->local, &y->local);

	return c ? c : cmp_endpoint(&x->remote, &y->remote);
}

static void read_fds(struct socktab *st, uint32_t pid)
{
	char path[64], link[64];
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), de->d_name, link, sizeof(link) - 1);
		uint64_t inode;

		if (len <= 0)
			continue;
		link[len] = 0;
		if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		if (!grow((void **)&st->holders, st->holder_cnt, &st->holder_room,
			  SOCKTAB_INODES_MAX, sizeof(*st->holders)))
			break;
		st->holders[st->holder_cnt++] = (struct holder){.inode = inode, .pid = pid};
	}
	closedir(dir);
}

/* Where the holders of a socket begin, or would. */
static uint32_t first_holder(const struct socktab *st, uint64_t inode)
{
	uint32_t low = 0, high = st->holder_cnt;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (st->holders[mid].inode < inode)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t holder_of(const struct socktab *st, uint64_t inode)
{
	uint32_t at = first_holder(st, inode);

	return at < st->holder_cnt && st->holders[at].inode == inode ? st->holders[at].pid : 0;
}

/* "0100007F:1F90": words of four address bytes, each in the host's order. */
static bool parse_endpoint(const char *text, struct endpoint *ep)
{
	const char *colon = strchr(text, ':');
	size_t digits = colon ? (size_t)(colon - text) : 0;
	unsigned int port;
	uint8_t *to = ep->addr;

	memset(ep, 0, sizeof(*ep));
	if (digits == 8) {
		memset(ep->addr + 10, 0xff, 2);
		to = ep->addr + 12;
	} else if (digits != 32) {
		return false;
	}
	for (; digits; digits -= 8, text += 8, to += 4) {
		uint32_t word;

		if (sscanf(text, "%8" SCNx32, &word) != 1)
			return false;
		memcpy(to, &word, 4);
	}
	if (sscanf(colon + 1, "%4x", &port) != 1)
		return false;
	ep->port = port;
	return true;
}

static bool add_socket(struct socktab *st, const struct conn *c, bool listening)
{
	struct conn **list = listening ? &st->listeners : &st->conns;
	uint32_t *cnt = listening ? &st->listener_cnt : &st->conn_cnt;

	if (!grow((void **)list, *cnt, listening ? &st->listener_room : &st->conn_room,
		  SOCKTAB_CONNS_MAX, sizeof(**list)))
		return false;
	(*list)[(*cnt)++] = *c;
	return true;
}

/* "  0: LOCAL REMOTE STATE TX:RX TR:TM RETR UID TIMEOUT INODE ...", after one line of headings. */
static void read_net_table(struct socktab *st, uint32_t pid, const char *name)
{
	char path[64], line[512], local[48], remote[48];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct conn c;
		unsigned int state;

		if (sscanf(line, "%*s %47s %47s %x %*s %*s %*s %*s %*s %" SCNu64, local, remote,
			   &state, &c.inode) != 4)
			continue;
		if (!c.inode || !parse_endpoint(local, &c.local) ||
		    !parse_endpoint(remote, &c.remote))
			continue;
		c.pid = holder_of(st, c.inode);
		if (c.pid && !add_socket(st, &c, state == TCP_LISTEN))
			break;
	}
	fclose(f);
}

/* Whether the process' network namespace was not met before. */
static bool new_netns(struct socktab *st, uint32_t pid)
{
	char path[64];
	struct stat ns;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	if (stat(path, &ns) < 0 || st->netns_cnt == NETNS_MAX)
		return false;
	for (uint32_t i = 0; i < st->netns_cnt; i++)
		if (st->netns[i] == ns.st_ino)
			return false;
	st->netns[st->netns_cnt++] = ns.st_ino;
	return true;
}

static void for_each_pid(struct socktab *st, void (*fn)(struct socktab *st, uint32_t pid))
{
	DIR *proc = opendir("/proc");
	struct dirent *de;

	if (!proc)
		return;
	while ((de = readdir(proc)))
		if (isdigit((unsigned char)de->d_name[0]))
			fn(st, strtoul(de->d_name, NULL, 10));
	closedir(proc);
}

static void read_netns(struct socktab *st, uint32_t pid)
{
	if (!new_netns(st, pid))
		return;
	read_net_table(st, pid, "tcp");
	read_net_table(st, pid, "tcp6");
}

struct socktab *socktab_new(void)
{
	struct socktab *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	for_each_pid(st, read_fds);
	if (st->holder_cnt)
		qsort(st->holders, st->holder_cnt, sizeof(*st->holders), cmp_holder);
	for_each_pid(st, read_netns);
	if (st->conn_cnt)
		qsort(st->conns, st->conn_cnt, sizeof(*st->conns), cmp_conn);
	return st;
}

void socktab_free(struct socktab *st)
{
	if (!st)
		return;
	free(st->holders);
	free(st->conns);
	free(st->listeners);
	free(st);
}

/*
 * How many of the connections from `at` on have the same addresses; *pid is theirs, 0 when they
 * differ.
 */
static uint32_t run_of(const struct socktab *st, uint32_t at, uint32_t *pid)
{
	uint32_t n = 1;

	*pid = st->conns[at].pid;
	for (; at + n < st->conn_cnt && !cmp_conn(&st->conns[at], &st->conns[at + n]); n++)
		if (st->conns[at + n].pid != st->conns[at].pid)
			*pid = 0;
	return n;
}

uint32_t socktab_find(const struct socktab *st, const struct endpoint *local,
		      const struct endpoint *remote)
{
	struct conn key = {.local = *local, .remote = *remote};
	const struct conn *hit = NULL;
	uint32_t pid;

	if (st->conn_cnt)
		hit = bsearch(&key, st->conns, st->conn_cnt, sizeof(key), cmp_conn);
	if (!hit)
		return 0;
	while (hit > st->conns && !cmp_conn(hit - 1, &key))
		hit--;
	run_of(st, hit - st->conns, &pid);
	return pid;
}

void socktab_each(const struct socktab *st,
		  bool (*fn)(void *ctx, const struct endpoint *local, const struct endpoint *remote,
			     uint32_t pid),
		  void *ctx)
{
	uint32_t at = 0, pid;

	while (at < st->conn_cnt) {
		const struct conn *c = &st->conns[at];

		at += run_of(st, at, &pid);
		if (pid && !fn(ctx, &c->local, &c->remote, pid))
			return;
	}
}

static void each_holder_of(const struct socktab *st, const struct conn *c, bool listening,
			   void (*fn)(void *ctx, uint32_t pid, const struct endpoint *local,
				      bool listening),
			   void *ctx)
{
	uint32_t at, before = 0;

	for (at = first_holder(st, c->inode);
	     at < st->holder_cnt && st->holders[at].inode == c->inode; at++) {
		/* Sorted by pid: one may hold it by several descriptors. */
		if (st->holders[at].pid != before)
			fn(ctx, st->holders[at].pid, &c->local, listening);
		before = st->holders[at].pid;
	}
}

void socktab_each_holder(const struct socktab *st,
			 void (*fn)(void *ctx, uint32_t pid, const struct endpoint *local,
				    bool listening),
			 void *ctx)
{
	uint32_t i;

	for (i = 0; i < st->listener_cnt; i++)
		each_holder_of(st, &st->listeners[i], true, fn, ctx);
	for (i = 0; i < st->conn_cnt; i++)
		each_holder_of(st, &st->conns[i], false, fn, ctx);
}

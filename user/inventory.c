// SPDX-License-Identifier: GPL-2.0-only
#include "inventory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "owner/owner.h"
#include "owner/procfs.h"
#include "owner/socktab.h"

/* State files are read in some milliseconds; a disk that hangs holds nobody up for longer. */
#define WAIT_MS 2000

struct process {
	uint32_t pid;
	char *path;
	struct endpoint *listens;
	unsigned int listen_cnt, listen_room, connections;
};

struct take {
	struct owner_cache *oc;
	struct process *procs; /* by pid */
	unsigned int cnt, room;
	bool failed; /* no memory */
};

/* Room for one more element. */
static bool grow(void **array, unsigned int cnt, unsigned int *room, size_t size)
{
	unsigned int want = *room ? *room * 2 : 16;
	void *bigger;

	if (cnt < *room)
		return true;
	bigger = realloc(*array, want * size);
	if (!bigger)
		return false;
	*array = bigger;
	*room = want;
	return true;
}

static bool add_endpoint(struct endpoint **list, unsigned int *cnt, unsigned int *room,
			 const struct endpoint *ep)
{
	unsigned int i;

	for (i = 0; i < *cnt; i++)
		if ((*list)[i].port == ep->port && !memcmp((*list)[i].addr, ep->addr, 16))
			return true;
	if (!grow((void **)list, *cnt, room, sizeof(**list)))
		return false;
	(*list)[(*cnt)++] = *ep;
	return true;
}

/* --- processes -------------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void read_processes(struct take *t)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;

	while (proc && (de = readdir(proc))) {
		struct process p = {0};

		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		p.pid = (uint32_t)strtoul(de->d_name, NULL, 10);
		p.path = procfs_cgroup(p.pid);
		if (!p.path)
			continue; /* gone */
		if (!grow((void **)&t->procs, t->cnt, &t->room, sizeof(p))) {
			free(p.path);
			t->failed = true;
			break;
		}
		t->procs[t->cnt++] = p;
	}
	if (proc)
		closedir(proc);
	if (t->cnt)
		qsort(t->procs, t->cnt, sizeof(*t->procs), by_pid);
}

static void add_socket(void *ctx, uint32_t pid, const struct endpoint *local, bool listening)
{
	const struct process key = {.pid = pid};
	struct take *t = ctx;
	struct process *p = t->cnt ? bsearch(&key, t->procs, t->cnt, sizeof(key), by_pid) : NULL;

	if (!p)
		return;
	if (!listening)
		p->connections++;
	else if (!add_endpoint(&p->listens, &p->listen_cnt, &p->listen_room, local))
		t->failed = true;
}

static void read_sockets(struct take *t)
{
	struct socktab *st = socktab_new();

	if (!st) {
		t->failed = true;
		return;
	}
	socktab_each_holder(st, add_socket, t);
	socktab_free(st);
}

/* Until each cgroup's first answer is there. */
static void wait_for_names(struct take *t)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	unsigned int waited, i;
	bool asked = true;

	for (waited = 0; asked && waited < WAIT_MS; waited += 2) {
		asked = false;
		for (i = 0; i < t->cnt; i++) {
			struct owner_names n;

			owner_names_of(t->oc, 0, t->procs[i].path, &n);
			asked |= n.state == NAMES_ASKED;
		}
		if (asked)
			nanosleep(&pause, NULL);
	}
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static char *copy(struct take *t, const char *text)
{
	char *to = text ? strdup(text) : NULL;

	t->failed |= text && !to;
	return to;
}

/* Whether the row is of the same container, or unit within it. */
static bool is_row_of(const struct inventory_row *row, enum inventory_kind kind,
		      const struct owner_names *n)
{
	if (row->kind != kind || !same(row->container_id, n->container_id))
		return false;
	if (!n->container_id && !same(row->container_name, n->container_name))
		return false;
	return kind == INVENTORY_CONTAINER || same(row->unit, n->unit);
}

static struct inventory_row *new_row(struct take *t, struct inventory *inv,
				     enum inventory_kind kind, const struct owner_names *n)
{
	struct inventory_row *row;

	if (!grow((void **)&inv->rows, inv->cnt, &inv->room, sizeof(*inv->rows))) {
		t->failed = true;
		return NULL;
	}
	row = &inv->rows[inv->cnt++];
	*row = (struct inventory_row){.kind = kind, .runtime = n->runtime};
	row->container_id = copy(t, n->container_id);
	row->container_name = copy(t, n->container_name);
	row->image = copy(t, n->image);
	row->pod_uid = copy(t, n->pod_uid);
	row->pod = copy(t, n->pod);
	row->pod_namespace = copy(t, n->pod_namespace);
	row->pod_container = copy(t, n->pod_container);
	row->unit = copy(t, n->unit);
	row->cgroup_path = copy(t, n->cgroup_path);
	return row;
}

static void add_to_row(struct take *t, struct inventory_row *row, const struct process *p)
{
	unsigned int i;

	if (!row)
		return;
	row->connections += p->connections;
	for (i = 0; i < p->listen_cnt; i++)
		if (!add_endpoint(&row->listens, &row->listen_cnt, &row->listen_room,
				  &p->listens[i]))
			t->failed = true;
	if (!grow((void **)&row->pids, row->pid_cnt, &row->pid_room, sizeof(*row->pids))) {
		t->failed = true;
		return;
	}
	row->pids[row->pid_cnt++] = p->pid;
}

static void add_to_group(struct take *t, struct inventory *inv, enum inventory_kind kind,
			 const struct process *p, const struct owner_names *n)
{
	unsigned int i;

	for (i = 0; i < inv->cnt; i++)
		if (is_row_of(&inv->rows[i], kind, n))
			break;
	add_to_row(t, i < inv->cnt ? &inv->rows[i] : new_row(t, inv, kind, n), p);
}

static void add_process(struct take *t, struct inventory *inv, const struct process *p)
{
	bool has_sockets = p->listen_cnt || p->connections;
	struct inventory_row *row;
	struct owner_names n;

	owner_names_of(t->oc, 0, p->path, &n);
	if (n.container_id || (n.container_name && n.runtime))
		add_to_group(t, inv, INVENTORY_CONTAINER, p, &n);
	if (!has_sockets)
		return;
	/* A container's own scope is no unit that anybody would ask for. */
	if (n.unit && !(n.container_id && strstr(n.unit, n.container_id)))
		add_to_group(t, inv, INVENTORY_UNIT, p, &n);
	row = new_row(t, inv, INVENTORY_PROCESS, &n);
	if (!row)
		return;
	procfs_comm(p->pid, row->comm);
	procfs_uid(p->pid, &row->uid);
	add_to_row(t, row, p);
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct inventory_row *x = a, *y = b;
	const char *p, *q;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind == INVENTORY_PROCESS || !x->pid_cnt || !y->pid_cnt)
		return 0;
	p = x->kind == INVENTORY_UNIT ? x->unit : x->container_name;
	q = y->kind == INVENTORY_UNIT ? y->unit : y->container_name;
	if (p && q && strcmp(p, q))
		return strcmp(p, q);
	if (!p != !q)
		return p ? -1 : 1;
	return (x->pids[0] > y->pids[0]) - (x->pids[0] < y->pids[0]);
}

/* Processes were added by pid, and stay so. */
static void sort_rows(struct inventory *inv)
{
	struct inventory_row *sorted = calloc(inv->cnt ? inv->cnt : 1, sizeof(*sorted));
	unsigned int kind, i, n = 0;

	if (!sorted)
		return;
	for (kind = 0; kind < INVENTORY_KINDS; kind++) {
		unsigned int from = n;

		for (i = 0; i < inv->cnt; i++)
			if (inv->rows[i].kind == kind)
				sorted[n++] = inv->rows[i];
		if (kind != INVENTORY_PROCESS && n > from)
			qsort(sorted + from, n - from, sizeof(*sorted), by_kind_and_name);
	}
	free(inv->rows);
	inv->rows = sorted;
	inv->room = inv->cnt;
}

static void free_take(struct take *t)
{
	while (t->cnt) {
		struct process *p = &t->procs[--t->cnt];

		free(p->path);
		free(p->listens);
	}
	free(t->procs);
	owner_cache_free(t->oc);
}

int inventory_take(const char *root, struct inventory *out)
{
	struct take t = {.oc = owner_cache_new(root)};
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (!t.oc)
		return -ENOMEM;
	read_processes(&t);
	read_sockets(&t);
	wait_for_names(&t);
	for (i = 0; i < t.cnt && !t.failed; i++)
		add_process(&t, out, &t.procs[i]);
	sort_rows(out);
	free_take(&t);
	return t.failed ? -ENOMEM : 0;
}

void inventory_free(struct inventory *inv)
{
	unsigned int i;

	for (i = 0; i < inv->cnt; i++) {
		struct inventory_row *row = &inv->rows[i];

		free(row->container_id);
		free(row->container_name);
		free(row->image);
		free(row->pod_uid);
		free(row->pod);
		free(row->pod_namespace);
		free(row->pod_container);
		free(row->unit);
		free(row->cgroup_path);
		free(row->pids);
		free(row->listens);
	}
	free(inv->rows);
}

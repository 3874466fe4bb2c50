// SPDX-License-Identifier: GPL-2.0-only
#include "owner_seed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/types.h>

#include "../../bpf/event.h"
#include "../../bpf/conn.h"
#include "../owner/cgroup2.h"
#include "../owner/procfs.h"
#include "../owner/socktab.h"

struct seed {
	int fd;
	uint32_t room;
	bool all_followed;
	int followed_fd;
	struct cgroup2 cg;
	struct conn_owner owner; /* of the process asked last: connections of one come in rows */
	int err;
};

static bool is_followed(const struct seed *s, uint32_t pid)
{
	uint8_t value;

	return s->all_followed ||
	       (s->followed_fd >= 0 && !bpf_map_lookup_elem(s->followed_fd, &pid, &value));
}

static void ask_proc(struct seed *s, uint32_t pid)
{
	struct event_owner_id *id = &s->owner.id;
	char *path;

	memset(&s->owner, 0, sizeof(s->owner));
	if (procfs_comm(pid, id->comm) < 0)
		return;
	id->pid = id->tid = pid;
	procfs_uid(pid, &s->owner.uid);
	s->owner.vpid = procfs_inner_pid(pid);
	s->owner.flags = is_followed(s, pid) ? EVENT_OWNER_FOLLOWED : 0;
	path = procfs_cgroup2(pid);
	if (!path)
		return;
	id->cgroup_id = cgroup2_id(&s->cg, path);
	free(path);
}

static bool seed_one(void *ctx, const struct endpoint *local, const struct endpoint *remote,
		     uint32_t pid)
{
	struct owner_key key = {0};
	struct seed *s = ctx;

	if (s->owner.id.pid != pid)
		ask_proc(s, pid);
	if (!s->owner.id.pid)
		return true; /* it has gone */
	memcpy(key.tuple.local_addr, local->addr, sizeof(local->addr));
	memcpy(key.tuple.remote_addr, remote->addr, sizeof(remote->addr));
	key.tuple.local_port = local->port;
	key.tuple.remote_port = remote->port;
	if (bpf_map_update_elem(s->fd, &key, &s->owner, BPF_NOEXIST) && errno != EEXIST) {
		s->err = -errno;
		return false;
	}
	return --s->room > 0;
}

int owner_seed(int owners_fd, uint32_t max_entries, bool all_followed, int followed_fd)
{
	struct seed s = {
		.fd = owners_fd,
		.room = max_entries / 2 + 1,
		.all_followed = all_followed,
		.followed_fd = followed_fd,
	};
	struct socktab *st = socktab_new();

	if (!st)
		return -ENOMEM;
	cgroup2_open(&s.cg);
	socktab_each(st, seed_one, &s);
	cgroup2_close(&s.cg);
	socktab_free(st);
	return s.err;
}

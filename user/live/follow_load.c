// SPDX-License-Identifier: GPL-2.0-only
#include "live/follow_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "owner/procfs.h"

#include "follow.skel.h"

/* Each pass finds a generation at least, and all of them when pids are in the order of birth. */
#define PASSES_MAX 64

struct follow_load {
	struct follow_bpf *skel;
};

static bool is_followed(int fd, uint32_t pid)
{
	uint8_t value;

	return pid && !bpf_map_lookup_elem(fd, &pid, &value);
}

/* Adds children of those that are in the map. Returns how many, or -errno. */
static int add_children(int fd)
{
	DIR *proc = opendir("/proc");
	const uint8_t yes = 1;
	struct dirent *de;
	int added = 0;

	if (!proc)
		return -errno;
	while (added >= 0 && (de = readdir(proc))) {
		uint32_t pid = isdigit((unsigned char)de->d_name[0])
				       ? (uint32_t)strtoul(de->d_name, NULL, 10)
				       : 0;

		if (!pid || is_followed(fd, pid) || !is_followed(fd, procfs_parent(pid)))
			continue;
		if (bpf_map_update_elem(fd, &pid, &yes, BPF_ANY))
			added = -errno;
		else
			added++;
	}
	closedir(proc);
	return added;
}

/*
 * Forks are seen already. So a child of one in the map is made known by the program, or was made
 * before its parent got there, and then the next pass finds it.
 */
static int add_family(int fd, uint32_t pid)
{
	const uint8_t yes = 1;
	int passes, n = 1;

	if (bpf_map_update_elem(fd, &pid, &yes, BPF_ANY))
		return -errno;
	for (passes = 0; n > 0 && passes < PASSES_MAX; passes++)
		n = add_children(fd);
	return n < 0 ? n : 0;
}

int follow_load_open(const struct bpf_object *capture, uint32_t pid, struct follow_load **out)
{
	struct follow_load *fl = calloc(1, sizeof(*fl));
	const struct bpf_map *theirs = bpf_object__find_map_by_name(capture, "followed");
	struct bpf_map *map;
	int err = fl && theirs ? 0 : -ENOMEM;

	if (!err) {
		fl->skel = follow_bpf__open();
		err = fl->skel ? 0 : -errno;
	}
	/* The others come with conn.h and are not used. */
	if (!err)
		bpf_object__for_each_map (map, fl->skel->obj)
			if (!bpf_map__is_internal(map))
				bpf_map__set_autocreate(map, false);
	if (!err) {
		bpf_map__set_autocreate(fl->skel->maps.followed, true);
		err = bpf_map__reuse_fd(fl->skel->maps.followed, bpf_map__fd(theirs));
	}
	if (!err)
		err = follow_bpf__load(fl->skel);
	if (!err)
		err = follow_bpf__attach(fl->skel);
	if (!err)
		err = add_family(bpf_map__fd(theirs), pid);
	if (err) {
		follow_load_close(fl);
		return err;
	}
	*out = fl;
	return 0;
}

void follow_load_close(struct follow_load *fl)
{
	if (!fl)
		return;
	follow_bpf__destroy(fl->skel);
	free(fl);
}

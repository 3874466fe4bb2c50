// SPDX-License-Identifier: GPL-2.0-only
#include "live/follow_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "live/btf_file.h"
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

/* Of the two kinds of programs in the object one; and of the maps, which come with conn.h, one. */
static void choose(struct follow_bpf *skel, bool raw)
{
	struct bpf_map *map;

	bpf_program__set_autoload(skel->progs.follow_fork, !raw);
	bpf_program__set_autoload(skel->progs.follow_exit, !raw);
	bpf_program__set_autoload(skel->progs.follow_fork_raw, raw);
	bpf_program__set_autoload(skel->progs.follow_exit_raw, raw);
	bpf_object__for_each_map (map, skel->obj)
		if (!bpf_map__is_internal(map))
			bpf_map__set_autocreate(map, map == skel->maps.followed);
}

/* `btf`: NULL for BTF tracepoints. */
static int try_load(int followed, const char *btf, struct follow_bpf **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = btf);
	struct follow_bpf *skel = follow_bpf__open_opts(&open);
	int err;

	if (!skel)
		return -errno;
	choose(skel, btf);
	err = bpf_map__reuse_fd(skel->maps.followed, followed);
	if (!err)
		err = follow_bpf__load(skel);
	if (!err)
		err = follow_bpf__attach(skel);
	if (err) {
		follow_bpf__destroy(skel);
		return err;
	}
	*out = skel;
	return 0;
}

int follow_load_open(const struct bpf_object *capture, uint32_t pid, const char *btf,
		     struct follow_load **out)
{
	struct follow_load *fl = calloc(1, sizeof(*fl));
	const struct bpf_map *theirs = bpf_object__find_map_by_name(capture, "followed");
	int err = fl && theirs ? 0 : -ENOMEM;

	if (!err)
		err = try_load(bpf_map__fd(theirs), NULL, &fl->skel);
	if (fl && theirs && err && btf && btf_file_fits(btf))
		err = try_load(bpf_map__fd(theirs), btf, &fl->skel);
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

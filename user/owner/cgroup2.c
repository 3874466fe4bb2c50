// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

/* include/linux/exportfs.h: a kernfs node's 64-bit id, since Linux 5.5 */
#define FILEID_KERNFS 0xfe

#define DELETED " (deleted)"

/* What a descriptor's link says: the path as this process sees it. Heap, or NULL. */
static char *fd_path(int fd)
{
	char link[32], buf[PATH_MAX + sizeof(DELETED)];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, buf, sizeof(buf));
	if (len <= 0 || len == (ssize_t)sizeof(buf) || buf[0] != '/')
		return NULL;
	return strndup(buf, len);
}

/* Undoes the \ooo of mountinfo, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = 0;
}

/*
 * One line of mountinfo (proc(5)):
 *	36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup2 source options
 * Returns the mount point when it is a cgroup2, *whole telling whether the mount shows the
 * hierarchy from its root (a bind mount may show a part).
 */
static char *parse_mountinfo(char *line, bool *whole)
{
	char *field[5], *save = NULL, *rest = strstr(line, " - ");
	char *point;

	if (!rest || strncmp(rest + 3, "cgroup2 ", 8))
		return NULL;
	*rest = 0;
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return NULL;
	}
	*whole = !strcmp(field[3], "/");
	point = strdup(field[4]);
	if (point)
		unescape(point);
	return point;
}

/* The mount point that shows most: the first whole one, else the first. Heap, or NULL. */
static char *find_mount(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *found = NULL;
	size_t size = 0;

	if (!f)
		return NULL;
	while (getline(&line, &size, f) > 0) {
		bool whole = false;
		char *point = parse_mountinfo(line, &whole);

		if (!point)
			continue;
		if (!found || whole) {
			free(found);
			found = point;
		} else {
			free(point);
		}
		if (whole)
			break;
	}
	free(line);
	fclose(f);
	return found;
}

/* A mount that hangs nowhere (fsopen(2), Linux 5.2). A descriptor of its root, or -errno. */
static int mount_detached(void)
{
	int fs, mnt = -1, fd = -1, err = 0;

	fs = fsopen("cgroup2", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0) {
		err = -errno;
		goto out;
	}
	/* fsmount() gives an O_PATH descriptor, which open_by_handle_at() refuses. */
	fd = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err = -errno;
out:
	if (mnt >= 0)
		close(mnt);
	close(fs);
	return fd >= 0 ? fd : err;
}

/* Opens the mount point; something else may be mounted over it. */
static int open_mount(const char *path)
{
	struct statfs sfs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && (fstatfs(fd, &sfs) < 0 || sfs.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int cgroup2_open(struct cgroup2 *cg)
{
	char buf[32];

	memset(cg, 0, sizeof(*cg));
	cg->fd = -1;
	cg->path = find_mount();
	if (cg->path)
		cg->fd = open_mount(cg->path);
	if (cg->fd < 0) {
		int fd = mount_detached();

		free(cg->path);
		cg->path = NULL;
		if (fd < 0)
			return fd;
		cg->fd = fd;
		cg->detached = true;
		snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
		cg->path = strdup(buf);
	}
	cg->seen_path = fd_path(cg->fd);
	if (!cg->path || !cg->seen_path) {
		cgroup2_close(cg);
		return -ENOMEM;
	}
	return 0;
}

void cgroup2_close(struct cgroup2 *cg)
{
	if (cg->fd >= 0)
		close(cg->fd);
	free(cg->path);
	free(cg->seen_path);
	cg->fd = -1;
	cg->path = cg->seen_path = NULL;
}

/* `path` without the mount's own; NULL when it does not lie below it. */
static char *cut_root(const struct cgroup2 *cg, const char *path)
{
	size_t len = strlen(cg->seen_path);

	if (len == 1) /* detached: the root is "/" */
		return strdup(path);
	if (strncmp(path, cg->seen_path, len))
		return NULL;
	if (!path[len])
		return strdup("/");
	return path[len] == '/' ? strdup(path + len) : NULL;
}

/* A cgroup removed since it was opened shows as "NAME (deleted)"; but that may be its very name. */
static void cut_deleted(const struct cgroup2 *cg, uint64_t id, char *path)
{
	size_t len = strlen(path), cut = strlen(DELETED);

	if (len > cut && !strcmp(path + len - cut, DELETED) && cgroup2_id(cg, path) != id)
		path[len - cut] = 0;
}

static int open_handle(const struct cgroup2 *cg, uint64_t id, int flags)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} handle = {.h = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	int fd;

	if (cg->fd < 0 || !id)
		return -ENOENT;
	memcpy(handle.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(cg->fd, &handle.h, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup2_open_id(const struct cgroup2 *cg, uint64_t id)
{
	return open_handle(cg, id, O_RDONLY | O_DIRECTORY);
}

char *cgroup2_path(const struct cgroup2 *cg, uint64_t id, int *err)
{
	int fd = open_handle(cg, id, O_PATH);
	char *seen, *path;

	*err = fd < 0 ? fd : 0;
	if (fd < 0)
		return NULL;
	seen = fd_path(fd);
	close(fd);
	path = seen ? cut_root(cg, seen) : NULL;
	free(seen);
	if (path)
		cut_deleted(cg, id, path);
	else
		*err = -ENOENT;
	return path;
}

uint64_t cgroup2_id(const struct cgroup2 *cg, const char *path)
{
	struct stat st;

	while (*path == '/')
		path++;
	if (cg->fd < 0 || fstatat(cg->fd, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_ino;
}

struct walk {
	const struct cgroup2 *cg;
	bool (*fn)(void *ctx, uint64_t id, const char *path);
	void *ctx;
};

/* `path` is "" for the root. False: fn wants no more. */
static bool walk_below(const struct walk *w, const char *path, unsigned int depth)
{
	uint64_t id = cgroup2_id(w->cg, path);
	bool go_on = true;
	struct dirent *de;
	char *full, *below;
	DIR *dir;

	if (!id)
		return true; /* gone meanwhile */
	if (!w->fn(w->ctx, id, *path ? path : "/"))
		return false;
	if (depth == CGROUP2_DEPTH_MAX || asprintf(&full, "%s%s", w->cg->path, path) < 0)
		return true;
	dir = opendir(full);
	free(full);
	while (dir && go_on && (de = readdir(dir))) {
		if (de->d_type != DT_DIR || !strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (asprintf(&below, "%s/%s", path, de->d_name) < 0)
			break;
		go_on = walk_below(w, below, depth + 1);
		free(below);
	}
	if (dir)
		closedir(dir);
	return go_on;
}

void cgroup2_walk(const struct cgroup2 *cg, bool (*fn)(void *ctx, uint64_t id, const char *path),
		  void *ctx)
{
	const struct walk w = {cg, fn, ctx};

	if (cg->fd >= 0)
		walk_below(&w, "", 0);
}

/* Each hierarchy has its line: "0::" is cgroup2's. */
bool cgroup2_is_hybrid(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[4352];
	bool hybrid = false;

	while (f && fgets(line, sizeof(line), f))
		hybrid |= strncmp(line, "0::", 3) != 0;
	if (f)
		fclose(f);
	return hybrid;
}

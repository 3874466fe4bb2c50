// SPDX-License-Identifier: GPL-2.0-only
#include "live/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void netns_path(const char *spec, char *path, size_t size)
{
	if (strchr(spec, '/'))
		snprintf(path, size, "%s", spec);
	else if (spec[0] && strspn(spec, "0123456789") == strlen(spec))
		snprintf(path, size, "/proc/%s/ns/net", spec);
	else
		snprintf(path, size, "/run/netns/%s", spec);
}

int netns_enter(const char *spec, struct diag *d)
{
	char path[PATH_MAX];
	int fd, err;

	if (!spec)
		return 0;
	netns_path(spec, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return diag_set(d, EXIT_USAGE, -errno,
				"network namespace %s: cannot open %s: %s; give a pid, a name "
				"from `ip netns`, or a path",
				spec, path, strerror(errno));
	err = setns(fd, CLONE_NEWNET) ? errno : 0;
	close(fd);
	if (err == EINVAL)
		return diag_set(d, EXIT_USAGE, -err,
				"%s is no network namespace; give a pid, a name from `ip netns`, "
				"or a path",
				path);
	if (err)
		return diag_set(d, EXIT_UNSUPPORTED, -err,
				"cannot enter the network namespace %s: %s; this needs "
				"CAP_SYS_ADMIN (run as root)",
				spec, strerror(err));
	return 0;
}

uint32_t netns_inode(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : (uint32_t)st.st_ino;
}

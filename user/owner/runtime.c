// SPDX-License-Identifier: GPL-2.0-only
#include "runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "statefile.h"

#define PASSWD_MAX (1 << 20)

void runtime_set(char *to, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len < size)
		memcpy(to, value, len + 1);
}

/*
 * The home folder by /etc/passwd below the root; "" when it isn't there. getpwuid(3) could ask the
 * network, and knows the host's users alone.
 */
static void find_home(int root, uint32_t uid, char *home, size_t size)
{
	char *text = malloc(PASSWD_MAX), *save = NULL, *line;

	home[0] = '\0';
	if (text && statefile_text(root, "/etc/passwd", text, PASSWD_MAX) > 0) {
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char *field[7], *end;
			int n = 0;

			/* name:password:uid:gid:comment:home:shell, and any may be empty */
			while (n < 7 && (field[n] = strsep(&line, ":")))
				n++;
			if (n < 6 || strtoul(field[2], &end, 10) != uid || end == field[2] || *end)
				continue;
			if (field[5][0] == '/')
				runtime_set(home, size, field[5]);
			break;
		}
	}
	free(text);
}

typedef bool (*reader_fn)(const struct runtime_query *q, struct runtime_names *out);

static const struct {
	enum workload_runtime runtime;
	reader_fn read;
} readers[] = {
	{WORKLOAD_DOCKER, runtime_docker},
	{WORKLOAD_CONTAINERD, runtime_containerd},
	{WORKLOAD_CRIO, runtime_crio},
	{WORKLOAD_PODMAN, runtime_podman},
};

/* Asks the runtime that the path tells, or all of them. */
static bool ask_runtimes(const struct runtime_query *q, enum workload_runtime runtime,
			 struct runtime_names *out)
{
	size_t i;

	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if ((!runtime || runtime == readers[i].runtime) && readers[i].read(q, out))
			return true;
	return false;
}

/* The root file system of the container around this one; -1: not to be had. */
static int outer_root(const struct runtime_query *q, const char *outer_id)
{
	struct runtime_query outer = *q;
	struct runtime_names names = {0};
	char path[64];
	int fd;

	outer.id = outer_id;
	if (!ask_runtimes(&outer, WORKLOAD_UNKNOWN, &names) || !names.init_pid)
		return -1;
	/*
	 * The magic link of /proc has to be followed here; the pid is a number, so nothing else
	 * is.
	 */
	snprintf(path, sizeof(path), "proc/%u/root", names.init_pid);
	fd = openat(q->root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd;
}

static bool ask(const struct runtime_query *q, const struct workload *w, struct runtime_names *out)
{
	bool known = w->id[0] && ask_runtimes(q, w->runtime, out);
	struct runtime_names logs = {0};

	if (out->pod[0] || !(w->pod_uid[0] || out->pod_uid[0]))
		return known;
	if (!runtime_kubelet(q, w->pod_uid[0] ? w->pod_uid : out->pod_uid, &logs))
		return known;
	RUNTIME_SET(out->pod, logs.pod);
	RUNTIME_SET(out->pod_namespace, logs.pod_namespace);
	if (!out->pod_container[0])
		RUNTIME_SET(out->pod_container, logs.pod_container);
	if (!out->container[0])
		RUNTIME_SET(out->container, logs.pod_container);
	return true;
}

bool runtime_can_tell(const struct workload *w)
{
	return w->id[0] || w->pod_uid[0];
}

bool runtime_lookup(int root, const struct workload *w, struct runtime_names *out)
{
	char home[STATEFILE_PATH_MAX] = "";
	struct runtime_query q = {.root = root, .id = w->id};
	bool known;

	memset(out, 0, sizeof(*out));
	if (!runtime_can_tell(w))
		return true;
	if (w->has_user)
		find_home(root, w->user, home, sizeof(home));
	q.home = home[0] ? home : NULL;
	known = ask(&q, w, out);
	if (!known && w->outer_id[0]) {
		struct runtime_query within = {.id = w->id};

		within.root = outer_root(&q, w->outer_id);
		if (within.root >= 0) {
			known = ask(&within, w, out);
			close(within.root);
		}
	}
	/* Nothing is lacking when it has a name, and that of its pod if it is in one. */
	return known && (!w->id[0] || out->container[0] || out->pod[0]) &&
	       (!w->pod_uid[0] || out->pod[0]);
}

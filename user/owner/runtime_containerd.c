// SPDX-License-Identifier: GPL-2.0-only
/*
 * containerd: its own data base is locked while it runs, but the bundle of each task lies below
 * /run, with the OCI configuration, in whose annotations its clients (CRI, nerdctl) keep names.
 * /
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "statefile.h"

/* Its own; Docker's and Kubernetes' distributions that bring one. */
static const char *const roots[] = {
	"/run/containerd",
	"/run/k3s/containerd", /* RKE2 as well */
	"/run/k0s/containerd",
	"/var/snap/microk8s/common/run/containerd",
};

static void on_value(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	static const char prefix[] = "io.kubernetes.cri.";
	struct runtime_names *out = ctx;
	const char *name;

	if (depth != 2 || strcmp(key[0], "annotations"))
		return;
	if (!strcmp(key[1], "nerdctl/name"))
		RUNTIME_SET(out->container, value);
	if (strncmp(key[1], prefix, sizeof(prefix) - 1))
		return;
	name = key[1] + sizeof(prefix) - 1;
	if (!strcmp(name, "container-name"))
		RUNTIME_SET(out->pod_container, value);
	else if (!strcmp(name, "image-name"))
		RUNTIME_SET(out->image, value);
	else if (!strcmp(name, "sandbox-name"))
		RUNTIME_SET(out->pod, value);
	else if (!strcmp(name, "sandbox-namespace"))
		RUNTIME_SET(out->pod_namespace, value);
	else if (!strcmp(name, "sandbox-uid"))
		RUNTIME_SET(out->pod_uid, value);
}

/* Looks for a task in each name space. */
struct search {
	const struct runtime_query *q;
	const char *dir;
	struct runtime_names *out;
	bool found;
};

static void read_init_pid(int root, const char *bundle, struct runtime_names *out)
{
	char path[STATEFILE_PATH_MAX], pid[16];

	if (!statefile_path(path, "%s/init.pid", bundle) &&
	    statefile_text(root, path, pid, sizeof(pid)) > 0)
		out->init_pid = (uint32_t)strtoul(pid, NULL, 10);
}

static bool try_namespace(void *ctx, const char *name)
{
	struct search *s = ctx;
	struct runtime_names found = {.runtime = WORKLOAD_CONTAINERD};
	struct statefile_json sink = {.ctx = &found, .value = on_value};
	char bundle[STATEFILE_PATH_MAX], path[STATEFILE_PATH_MAX];

	if (statefile_path(bundle, "%s/%s/%s", s->dir, name, s->q->id) ||
	    statefile_path(path, "%s/config.json", bundle) ||
	    statefile_json(s->q->root, path, &sink))
		return true;
	read_init_pid(s->q->root, bundle, &found);
	/* Docker's name space; who asks Docker's own files knows the name. */
	if (!strcmp(name, "moby"))
		found.runtime = WORKLOAD_DOCKER;
	/* Kubernetes' containers have no name but that within the pod. */
	if (!found.container[0])
		RUNTIME_SET(found.container, found.pod_container);
	*s->out = found;
	s->found = true;
	return false;
}

static bool read_root(const struct runtime_query *q, const char *state, struct runtime_names *out)
{
	static const char *const tasks[] = {
		"io.containerd.runtime.v2.task",
		"io.containerd.runtime.v1.linux", /* containerd 1.0 to 1.7, where asked for */
	};
	char dir[STATEFILE_PATH_MAX];
	struct search s = {.q = q, .dir = dir, .out = out};
	size_t i;

	for (i = 0; i < sizeof(tasks) / sizeof(tasks[0]) && !s.found; i++)
		if (!statefile_path(dir, "%s/%s", state, tasks[i]))
			statefile_each(q->root, dir, try_namespace, &s);
	return s.found;
}

/* --- nerdctl's own record --------------------------------------------------------------------- */

static bool try_name(void *ctx, const char *name)
{
	struct search *s = ctx;
	char path[STATEFILE_PATH_MAX], id[WORKLOAD_ID_LEN + 2];

	if (statefile_path(path, "%s/%s", s->dir, name) ||
	    statefile_text(s->q->root, path, id, sizeof(id)) < WORKLOAD_ID_LEN)
		return true;
	id[strcspn(id, "\n")] = '\0';
	if (strcmp(id, s->q->id))
		return true;
	RUNTIME_SET(s->out->container, name);
	s->out->runtime = WORKLOAD_CONTAINERD;
	s->found = true;
	return false;
}

static bool try_below(struct search *s, const char *format, const char *name,
		      bool (*fn)(void *ctx, const char *name))
{
	char dir[STATEFILE_PATH_MAX];
	struct search below = {.q = s->q, .dir = dir, .out = s->out};

	if (statefile_path(dir, "%s/%s%s", s->dir, name, format))
		return true;
	statefile_each(s->q->root, dir, fn, &below);
	s->found = below.found;
	return !s->found;
}

static bool try_names_of(void *ctx, const char *name_space)
{
	return try_below(ctx, "", name_space, try_name);
}

static bool try_address(void *ctx, const char *address)
{
	return try_below(ctx, "/names", address, try_names_of);
}

static bool read_nerdctl(const struct runtime_query *q, const char *data_root,
			 struct runtime_names *out)
{
	struct search s = {.q = q, .dir = data_root, .out = out};

	statefile_each(q->root, data_root, try_address, &s);
	return s.found;
}

bool runtime_containerd(const struct runtime_query *q, struct runtime_names *out)
{
	char path[STATEFILE_PATH_MAX];
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]) && !found; i++)
		found = read_root(q, roots[i], out);
	if (!found &&
	    !statefile_setting(q->root, "/etc/containerd/config.toml", "state", path, sizeof(path)))
		found = read_root(q, path, out);
	if (found && (out->container[0] || out->pod[0] || out->runtime == WORKLOAD_DOCKER))
		return true;
	/* A user's containerd has a /run of its own, so that this is all there is of it. */
	if (q->home && !statefile_path(path, "%s/.local/share/nerdctl", q->home) &&
	    read_nerdctl(q, path, out))
		return true;
	return read_nerdctl(q, "/var/lib/nerdctl", out) || found;
}

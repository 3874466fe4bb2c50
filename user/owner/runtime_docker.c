// SPDX-License-Identifier: GPL-2.0-only
/*
 * docker: one JSON file for each container, written when it is made and at each change of its
 * state.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "statefile.h"

static void on_value(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	static const char *const name[] = {"Name", NULL},
				 *const image[] = {"Config", "Image", NULL},
				 *const pid[] = {"State", "Pid", NULL};
	struct runtime_names *out = ctx;

	if (statefile_key_is(key, depth, name)) {
		RUNTIME_SET(out->container, value + (*value == '/'));
	} else if (statefile_key_is(key, depth, image)) {
		RUNTIME_SET(out->image, value);
	} else if (statefile_key_is(key, depth, pid)) {
		out->init_pid = (uint32_t)strtoul(value, NULL, 10);
	} else if (depth == 3 && !strcmp(key[0], "Config") && !strcmp(key[1], "Labels")) {
		/* Of the kubelet, by dockershim or cri-dockerd. */
		if (!strcmp(key[2], "io.kubernetes.pod.name"))
			RUNTIME_SET(out->pod, value);
		else if (!strcmp(key[2], "io.kubernetes.pod.namespace"))
			RUNTIME_SET(out->pod_namespace, value);
		else if (!strcmp(key[2], "io.kubernetes.pod.uid"))
			RUNTIME_SET(out->pod_uid, value);
		else if (!strcmp(key[2], "io.kubernetes.container.name") && strcmp(value, "POD"))
			RUNTIME_SET(out->pod_container, value);
	}
}

static bool read_config(const struct runtime_query *q, const char *data_root,
			struct runtime_names *out)
{
	struct runtime_names found = {.runtime = WORKLOAD_DOCKER};
	struct statefile_json sink = {.ctx = &found, .value = on_value};
	char path[STATEFILE_PATH_MAX];

	if (statefile_path(path, "%s/containers/%s/config.v2.json", data_root, q->id) ||
	    statefile_json(q->root, path, &sink))
		return false;
	*out = found;
	return true;
}

/* "data-root" of daemon.json; "graph" before docker 17.05. */
static void on_setting(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	if (depth == 1 && (!strcmp(key[0], "data-root") || !strcmp(key[0], "graph")))
		runtime_set(ctx, STATEFILE_VALUE_MAX, value);
}

static bool read_set_root(const struct runtime_query *q, const char *daemon_json,
			  struct runtime_names *out)
{
	char data_root[STATEFILE_VALUE_MAX] = "";
	struct statefile_json sink = {.ctx = data_root, .value = on_setting};

	return !statefile_json(q->root, daemon_json, &sink) && data_root[0] == '/' &&
	       read_config(q, data_root, out);
}

bool runtime_docker(const struct runtime_query *q, struct runtime_names *out)
{
	char path[STATEFILE_PATH_MAX];

	if (q->home) {
		if (!statefile_path(path, "%s/.local/share/docker", q->home) &&
		    read_config(q, path, out))
			return true;
		if (!statefile_path(path, "%s/.config/docker/daemon.json", q->home) &&
		    read_set_root(q, path, out))
			return true;
	}
	return read_config(q, "/var/lib/docker", out) ||
	       read_set_root(q, "/etc/docker/daemon.json", out) ||
	       read_config(q, "/var/snap/docker/common/var-lib-docker", out);
}

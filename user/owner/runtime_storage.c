// SPDX-License-Identifier: GPL-2.0-only
/*
 * podman and CRI-O: both keep containers in the same kind of storage, below a graph root (for good)
 * and a run root (until the next boot), in a folder named for the storage driver.
 *
 *	<graph>/overlay-containers/containers.json             all of them: id, names, image
 *	<graph>/overlay-containers/volatile-containers.json    those of `podman run --rm`
 *	<either>/overlay-containers/<id>/userdata/config.json  OCI, with CRI-O's annotations
 *	<run>/overlay-containers/<id>/userdata/pidfile
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "statefile.h"

static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};

#define SETTINGS "/etc/containers/storage.conf"

/* Calls fn with each folder that a container's may be in, until it returns true. */
static bool each_store(const struct runtime_query *q, const char *root,
		       bool (*fn)(const struct runtime_query *q, const char *store,
				  struct runtime_names *out),
		       struct runtime_names *out)
{
	char store[STATEFILE_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!statefile_path(store, "%s/%s-containers", root, drivers[i]) &&
		    fn(q, store, out))
			return true;
	return false;
}

/* The same in the place that is set, if any is, else in the one that is usual. */
static bool each_root(const struct runtime_query *q, const char *setting, const char *usual,
		      bool (*fn)(const struct runtime_query *q, const char *store,
				 struct runtime_names *out),
		      struct runtime_names *out)
{
	char root[STATEFILE_PATH_MAX];

	if (!statefile_setting(q->root, SETTINGS, setting, root, sizeof(root)) &&
	    strcmp(root, usual) && each_store(q, root, fn, out))
		return true;
	return each_store(q, usual, fn, out);
}

static bool read_pid(const struct runtime_query *q, const char *store, struct runtime_names *out)
{
	char path[STATEFILE_PATH_MAX], pid[16];

	if (statefile_path(path, "%s/%s/userdata/pidfile", store, q->id) ||
	    statefile_text(q->root, path, pid, sizeof(pid)) <= 0)
		return false;
	out->init_pid = (uint32_t)strtoul(pid, NULL, 10);
	return true;
}

/* --- podman ----------------------------------------------------------------------------------- */

struct record {
	const char *want; /* the id that is looked for */
	bool is_it;
	struct runtime_names now, found; /* of the object being read; of the one that it was */
};

static void on_metadata(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	struct runtime_names *out = ctx;

	if (depth != 1)
		return;
	if (!strcmp(key[0], "image-name"))
		RUNTIME_SET(out->image, value);
	else if (!strcmp(key[0], "name") && !out->container[0])
		RUNTIME_SET(out->container, value);
}

static void on_record(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	static const char *const id[] = {"[]", "id", NULL},
				 *const name[] = {"[]", "names", "[]", NULL},
				 *const metadata[] = {"[]", "metadata", NULL};
	struct record *r = ctx;

	if (statefile_key_is(key, depth, id)) {
		r->is_it = !strcmp(value, r->want);
	} else if (statefile_key_is(key, depth, name)) {
		if (!r->now.container[0])
			RUNTIME_SET(r->now.container, value);
	} else if (statefile_key_is(key, depth, metadata)) {
		struct statefile_json sink = {.ctx = &r->now, .value = on_metadata};

		/* JSON within JSON. */
		statefile_json_text(value, &sink);
	}
}

static void on_record_end(void *ctx, unsigned int depth)
{
	struct record *r = ctx;

	if (depth != 1)
		return;
	if (r->is_it) {
		r->found = r->now;
		r->found.runtime = WORKLOAD_PODMAN;
	}
	r->is_it = false;
	memset(&r->now, 0, sizeof(r->now));
}

static bool read_records(const struct runtime_query *q, const char *store,
			 struct runtime_names *out)
{
	static const char *const files[] = {"containers.json", "volatile-containers.json"};
	char path[STATEFILE_PATH_MAX];
	size_t i;

	for (i = 0; i < 2; i++) {
		struct record r = {.want = q->id};
		struct statefile_json sink = {.ctx = &r, .value = on_record, .end = on_record_end};

		if (!statefile_path(path, "%s/%s", store, files[i]) &&
		    !statefile_json(q->root, path, &sink) && r.found.runtime) {
			*out = r.found;
			return true;
		}
	}
	return false;
}

bool runtime_podman(const struct runtime_query *q, struct runtime_names *out)
{
	char path[STATEFILE_PATH_MAX];

	if (q->home && !statefile_path(path, "%s/.local/share/containers/storage", q->home) &&
	    each_store(q, path, read_records, out))
		return true;
	if (!each_root(q, "graphroot", "/var/lib/containers/storage", read_records, out))
		return false;
	each_root(q, "runroot", "/run/containers/storage", read_pid, out);
	return true;
}

/* --- CRI-O ------------------------------------------------------------------------------------ */

static void on_annotation(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	struct runtime_names *out = ctx;

	if (depth != 2 || strcmp(key[0], "annotations"))
		return;
	if (!strcmp(key[1], "io.kubernetes.container.name") && strcmp(value, "POD"))
		RUNTIME_SET(out->pod_container, value);
	else if (!strcmp(key[1], "io.kubernetes.pod.name"))
		RUNTIME_SET(out->pod, value);
	else if (!strcmp(key[1], "io.kubernetes.pod.namespace"))
		RUNTIME_SET(out->pod_namespace, value);
	else if (!strcmp(key[1], "io.kubernetes.pod.uid"))
		RUNTIME_SET(out->pod_uid, value);
	else if (!strcmp(key[1], "io.kubernetes.cri-o.ImageName"))
		RUNTIME_SET(out->image, value);
	else if (!strcmp(key[1], "io.container.manager") && !strcmp(value, "cri-o"))
		out->runtime = WORKLOAD_CRIO;
}

static bool read_bundle(const struct runtime_query *q, const char *store, struct runtime_names *out)
{
	struct runtime_names found = {0};
	struct statefile_json sink = {.ctx = &found, .value = on_annotation};
	char path[STATEFILE_PATH_MAX];

	if (statefile_path(path, "%s/%s/userdata/config.json", store, q->id) ||
	    statefile_json(q->root, path, &sink))
		return false;
	/* podman's have such a file as well, without a pod in it. */
	if (!found.pod[0] && !found.runtime)
		return false;
	found.runtime = WORKLOAD_CRIO;
	/* The name in its storage, k8s_..., is put together from these; people know this one. */
	RUNTIME_SET(found.container, found.pod_container);
	*out = found;
	return true;
}

bool runtime_crio(const struct runtime_query *q, struct runtime_names *out)
{
	if (!each_root(q, "runroot", "/run/containers/storage", read_bundle, out) &&
	    !each_root(q, "graphroot", "/var/lib/containers/storage", read_bundle, out))
		return false;
	each_root(q, "runroot", "/run/containers/storage", read_pid, out);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * runtime.h - the names of a container and its pod, from the state files of its runtime.
 *
 *	docker      /var/lib/docker/containers/<id>/config.v2.json, or below the daemon's
 *	            data-root; a user's: ~/.local/share/docker
 *	containerd  /run/containerd/io.containerd.runtime.v2.task/<namespace>/<id>/config.json
 *	            (k3s, RKE2, k0s, MicroK8s: their own roots)
 *	nerdctl     its annotations there, else /var/lib/nerdctl/<address>/names/<namespace>/<name>
 *	CRI-O       <driver>-containers/<id>/userdata/config.json of its storage
 *	podman      <driver>-containers/containers.json and volatile-containers.json of its
 *	            storage; a user's: ~/.local/share/containers/storage
 *	kubelet     /var/log/containers/<pod>_<namespace>_<container>-<id>.log and
 *	            /var/log/pods/<namespace>_<pod>_<uid>: whatever the runtime
 *
 * A path that doesn't tell the runtime has all of them asked. A container within another (kind,
 * docker in docker) has its names in that one's root file system, which is looked into through
 * /proc/PID/root of its first process. LXC's and nspawn's names are in the path alone.
 *
 * Files are only read; no daemon is asked. Thread-safe. Takes the time that disks take.
 */
#ifndef HTTPLAT_RUNTIME_H
#define HTTPLAT_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workload.h"

#define RUNTIME_NAME_MAX  256
#define RUNTIME_IMAGE_MAX 512

/* What is not known is "". What doesn't fit is left out, not cut. All of it is hostile bytes. */
struct runtime_names {
	enum workload_runtime runtime;
	char container[RUNTIME_NAME_MAX]; /* as the runtime's own tool shows it */
	char image[RUNTIME_IMAGE_MAX];	  /* as it was asked for: "docker.io/library/nginx:1.27" */
	char pod_uid[RUNTIME_NAME_MAX], pod[RUNTIME_NAME_MAX], pod_namespace[RUNTIME_NAME_MAX];
	char pod_container
		[RUNTIME_NAME_MAX]; /* the name within the pod; none: the pause container */
	uint32_t init_pid;	    /* the container's first process; 0 unknown */
};

/*
 * Looks below `root` (statefile_root()). True when nothing more is to be expected; false when a
 * name is lacking that may come: state files are written around the start of a container. *out
 * holds what was found in either case.
 */
bool runtime_lookup(int root, const struct workload *w, struct runtime_names *out);

/* Whether a look-up could tell more than the path does. */
bool runtime_can_tell(const struct workload *w);

/* --- for the readers of each runtime: runtime_*.c --------------------------------------------- */

/* Who is asked for, and where users' state is. */
struct runtime_query {
	int root;
	const char *id;
	const char *home; /* of the user whose slice it is, "/home/x"; NULL: nobody's */
};

/* Each fills in what it finds, and returns whether it knows the container. */
bool runtime_docker(const struct runtime_query *q, struct runtime_names *out);
bool runtime_containerd(const struct runtime_query *q, struct runtime_names *out);
bool runtime_crio(const struct runtime_query *q, struct runtime_names *out);
bool runtime_podman(const struct runtime_query *q, struct runtime_names *out);
/* By the container's id, else by the pod's uid alone ("": none). */
bool runtime_kubelet(const struct runtime_query *q, const char *pod_uid, struct runtime_names *out);

/* Copies a name that fits; leaves *to alone otherwise. */
void runtime_set(char *to, size_t size, const char *value);
#define RUNTIME_SET(field, value) runtime_set(field, sizeof(field), value)

#endif

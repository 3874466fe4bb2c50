/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * workload.h - what a cgroup path says of the container, pod and unit that it belongs to.
 *
 *	/kubepods.slice/.../kubepods-burstable-pod<UID>.slice/cri-containerd-<ID>.scope
 *	                                          pod uid           runtime   id  unit
 *	/kubepods/burstable/pod<UID>/<ID>                    the runtime isn't told
 *	/docker/<ID>, /system.slice/docker-<ID>.scope        docker, by either driver
 *	/machine.slice/libpod-<ID>.scope/container           podman
 *	/lxc.payload.NAME/system.slice/nginx.service         LXC, LXD, Incus
 *	/machine.slice/machine-NAME.scope/payload            systemd-nspawn
 *	/user.slice/user-1000.slice/user@1000.service/app.slice/web.service    a user's unit
 *
 * The innermost container counts (kind, docker in docker), and the innermost unit, which may lie
 * within a container or be the container's own scope, as in `systemctl status PID`. A slice is no
 * unit here: it groups them. What watches a container (conmon, lxc.monitor) is not in it.
 *
 * A path is hostile bytes: whoever may make a cgroup may call it docker-<ID>.scope. What comes out
 * is bounded; ids and uids are hexadecimal, names may still hold any byte but '/'.
 *
 * Pure: nothing is allocated, nothing read.
 */
#ifndef HTTPLAT_WORKLOAD_H
#define HTTPLAT_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

enum workload_runtime {
	WORKLOAD_UNKNOWN = 0, /* none, or the path doesn't say which */
	WORKLOAD_DOCKER,
	WORKLOAD_CONTAINERD,
	WORKLOAD_CRIO,
	WORKLOAD_PODMAN,
	WORKLOAD_LXC,
	WORKLOAD_NSPAWN,
};

#define WORKLOAD_ID_LEN	  64
#define WORKLOAD_UID_LEN  36
#define WORKLOAD_NAME_MAX 255 /* of a file, and so of a cgroup */

struct workload {
	enum workload_runtime runtime;
	char id[WORKLOAD_ID_LEN + 1];	  /* of the container; "": it has none, or there is none */
	char name[WORKLOAD_NAME_MAX + 1]; /* LXC and nspawn; others keep theirs elsewhere: "" */
	char outer_id[WORKLOAD_ID_LEN + 1]; /* of the container around it; "": none */
	char pod_uid[WORKLOAD_UID_LEN + 1]; /* with dashes; 32 digits without for a static pod */
	char unit[WORKLOAD_NAME_MAX + 1];   /* "nginx.service", "session-3.scope"; "": none */
	bool has_user;
	uint32_t user; /* whose user-UID.slice it is */
};

/* Fills in *out from a path "/a/b"; NULL gives an empty one. */
void workload_parse(const char *path, struct workload *out);

/* "docker", "containerd", "cri-o", "podman", "lxc", "nspawn"; NULL for unknown. */
const char *workload_runtime_name(enum workload_runtime runtime);

#endif

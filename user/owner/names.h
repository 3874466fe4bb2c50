/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * names.h - the workload of each cgroup that was met: container, pod, unit.
 *
 *	names_learn ─ new cgroup ─ workload_parse: id, unit, pod uid: at once
 *	     │                └─ a job ──► helper thread ─ runtime_lookup: reads state files
 *	names_get ◄─ names so far ◄──────── its result
 *
 * The reader of the ring never waits for a disk: it leaves a job with the helper, and takes what
 * has come back. A cgroup is looked up when its first segment comes, so the names are nearly always
 * there when its first transaction ends. Where they are not, names_get() waits: NAMES_WAIT_MS at
 * most for each cgroup, in all, which is no longer than the ring is left alone between two ticks
 * anyway; and a tenth of the time at most (half a second can be saved), so that a host that makes
 * containers without end is not held up by them. After that the record goes out with what the path
 * says.
 *
 * Names that are lacking are looked for again, ever more seldom, whenever the cgroup is seen:
 * runtimes write state around the start of a container. What was found holds for good, also when
 * cgroup and state files are gone.
 *
 * Keys are cgroup2 ids, which are never used again. Where there is none (v1), 0 stands for the
 * path.
 *
 * One thread uses a struct names; the helper shares nothing with it but two lists of jobs and
 * their lock.
 */
#ifndef HTTPLAT_NAMES_H
#define HTTPLAT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#define NAMES_WAIT_MS 50

/* Whether more names are to be expected. */
enum names_state {
	NAMES_COMPLETE = 0, /* no: all are there, or nothing more can be found out */
	NAMES_ASKED,	    /* the first answer is not there yet */
	NAMES_SOON,	    /* some are lacking, which was tried for less than a second or so */
	NAMES_LATE,	    /* they may still come, but nobody should wait for them */
};

/* What is not known is NULL. All strings but ids are hostile bytes. */
struct owner_names {
	enum names_state state;
	uint64_t cgroup_id;	 /* 0 unknown */
	const char *cgroup_path; /* from the cgroup root, "/..." */

	const char *container_id;   /* 64 hexadecimal digits */
	const char *container_name; /* as the runtime's own tool shows it */
	const char *runtime;	    /* "docker", "containerd", "cri-o", "podman", "lxc", "nspawn" */
	const char *image;	    /* as it was asked for, with its tag */
	const char *pod_uid, *pod, *pod_namespace;
	const char *pod_container; /* the container's name within the pod */
	const char *unit;	   /* "nginx.service"; a container's own scope as well */

	uint32_t inner_pid; /* of the process, in its own pid name space; 0: none of its own */
};

struct names;

/*
 * `root` is where state files are looked for: "" on a live host, else a folder that stands for "/".
 * NULL without memory. Without a thread or a root there is what paths say.
 */
struct names *names_new(const char *root);
/* Waits for the look-up that is under way, a second at most. */
void names_free(struct names *ns);

/* Begins to look up a cgroup. Cheap when it is known. */
void names_learn(struct names *ns, uint64_t cgroup_id, const char *path);

/*
 * Fills in the workload's part of *out, waiting a little for a look-up that is under way. The
 * strings are the cache's: valid until the next call.
 */
void names_get(struct names *ns, uint64_t cgroup_id, const char *path, struct owner_names *out);

/* The same without waiting: for the first answer it is told by `state`. */
void names_peek(struct names *ns, uint64_t cgroup_id, const char *path, struct owner_names *out);

/* What users call a pod: "name" or "namespace/name"; a unit: its name, without ".service" too. */
bool names_is_pod(const struct owner_names *n, const char *wanted);
bool names_is_unit(const struct owner_names *n, const char *wanted);

#endif

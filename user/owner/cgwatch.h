/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgwatch.h - cgroups are met when they are made, so that those that live for a moment have a path.
 *
 *	mkdir ─ inotify ─► watching thread ─ id, path ─► table ◄─ cgwatch_path
 *
 * The ring is read some tens of milliseconds after a packet passed. By then a container that did one
 * thing may be gone, and open_by_handle_at(2) finds no cgroup for its id any more. Hence a thread
 * that watches every folder of the hierarchy, and keeps what there was and what it saw made, as
 * much as there is room for.
 *
 * It is a help and not a promise: without inotify, or with more cgroups than may be watched, those
 * that are gone when they are asked for have no path.
 *
 * Any thread may ask.
 */
#ifndef HTTPLAT_CGWATCH_H
#define HTTPLAT_CGWATCH_H

#include <stdint.h>

#include "cgroup2.h"

/*
 * Folders that are watched, each of which costs the kernel about a kilobyte; paths that are
 * kept.
 */
#define CGWATCH_FOLDERS_MAX 8192
#define CGWATCH_PATHS_MAX   8192

struct cgwatch;

/*
 * Begins to watch; when it returns, new cgroups are seen in all folders that there were. *cg is
 * borrowed. NULL when it cannot be done, which the other functions accept.
 */
struct cgwatch *cgwatch_new(const struct cgroup2 *cg);
void cgwatch_free(struct cgwatch *w);

/* The path of a cgroup that there was or that was made since, on the heap; NULL unknown. */
char *cgwatch_path(struct cgwatch *w, uint64_t id);

/*
 * Calls fn for each that was met since the call that returned `since` (0: all), in no particular
 * order, as far as they are kept. fn may not call the watcher. Returns what the next
 * call is to be given.
 */
uint64_t cgwatch_each_new(struct cgwatch *w, uint64_t since,
			  void (*fn)(void *ctx, uint64_t id, const char *path), void *ctx);

#endif

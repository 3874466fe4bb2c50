// SPDX-License-Identifier: GPL-2.0-only
#include "cgwatch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "../caps.h"
#include "lru.h"

/* One watched folder, of a tree by `wd`. */
struct folder {
	int wd;
	char path[]; /* from the cgroup root, "" for that */
};

struct cgwatch {
	const struct cgroup2 *cg;
	int inotify, stop; /* a descriptor that becomes readable when it is to end */
	pthread_t thread;

	/* Before the thread starts, the caller's; then the thread's. */
	void *folders;
	unsigned int folder_cnt;

	pthread_mutex_t lock;
	struct lru *paths; /* id -> path, number: when it came; under the lock */
	uint64_t serial;   /* of the newest; under the lock */
};

static int by_wd(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;

	return (x->wd > y->wd) - (x->wd < y->wd);
}

static void keep_path(struct cgwatch *w, const char *path)
{
	uint64_t id = cgroup2_id(w->cg, path);
	char *copy = id ? strdup(path) : NULL;
	struct lru_entry *e;

	if (!copy)
		return;
	pthread_mutex_lock(&w->lock);
	e = lru_put(w->paths, id);
	lru_set_text(e, copy);
	e->number = ++w->serial;
	pthread_mutex_unlock(&w->lock);
}

/* Watches one folder. False when it is gone, is watched already, or there are too many. */
static bool add_folder(struct cgwatch *w, const char *path)
{
	struct folder *f, **in;
	char *full;

	if (w->folder_cnt == CGWATCH_FOLDERS_MAX || asprintf(&full, "%s%s", w->cg->path, path) < 0)
		return false;
	f = malloc(sizeof(*f) + strlen(path) + 1);
	if (f) {
		f->wd = inotify_add_watch(w->inotify, full, IN_CREATE | IN_ONLYDIR);
		strcpy(f->path, path);
	}
	free(full);
	in = f && f->wd >= 0 ? tsearch(f, &w->folders, by_wd) : NULL;
	if (!in || *in != f) {
		free(f);
		return false;
	}
	w->folder_cnt++;
	return true;
}

/* Levels that are read at once, each with a descriptor. kind in LXC is a dozen. */
#define DEPTH_MAX 32

/*
 * Watches a folder, and then those in it: one that is made meanwhile is seen by the watch or by the
 * reading.
 */
static void add_tree(struct cgwatch *w, const char *path, unsigned int depth)
{
	struct dirent *de;
	char *full, *below;
	DIR *dir;

	if (depth == DEPTH_MAX || !add_folder(w, path) ||
	    asprintf(&full, "%s%s", w->cg->path, path) < 0)
		return;
	dir = opendir(full);
	free(full);
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_type != DT_DIR || !strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (asprintf(&below, "%s/%s", path, de->d_name) < 0)
			break;
		keep_path(w, below);
		add_tree(w, below, depth + 1);
		free(below);
	}
	closedir(dir);
}

static struct folder *find_folder(struct cgwatch *w, int wd)
{
	struct folder key = {.wd = wd}, **in = tfind(&key, &w->folders, by_wd);

	return in ? *in : NULL;
}

static void on_event(struct cgwatch *w, const struct inotify_event *event)
{
	struct folder *f = find_folder(w, event->wd);
	char *path;

	if (!f)
		return;
	if (event->mask & IN_IGNORED) {
		tdelete(f, &w->folders, by_wd);
		free(f);
		w->folder_cnt--;
		return;
	}
	if (!(event->mask & IN_ISDIR) || !event->len ||
	    asprintf(&path, "%s/%s", f->path, event->name) < 0)
		return;
	keep_path(w, path);
	add_tree(w, path, 0);
	free(path);
}

static void read_events(struct cgwatch *w)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->inotify, buf, sizeof(buf)), at = 0;

	while (at < n) {
		const struct inotify_event *event = (const void *)(buf + at);

		on_event(w, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

static void *run(void *arg)
{
	struct cgwatch *w = arg;
	struct pollfd fds[] = {
		{.fd = w->stop, .events = POLLIN},
		{.fd = w->inotify, .events = POLLIN},
	};

	caps_keep_reading(CAPS_NAMES);
	while (!fds[0].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			read_events(w);
	}
	return NULL;
}

static void release(struct cgwatch *w)
{
	if (w->inotify >= 0)
		close(w->inotify);
	if (w->stop >= 0)
		close(w->stop);
	tdestroy(w->folders, free);
	lru_free(w->paths);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

struct cgwatch *cgwatch_new(const struct cgroup2 *cg)
{
	struct cgwatch *w = cg->fd < 0 ? NULL : calloc(1, sizeof(*w));
	sigset_t all, before;
	int err;

	if (!w)
		return NULL;
	w->cg = cg;
	pthread_mutex_init(&w->lock, NULL);
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->stop = eventfd(0, EFD_CLOEXEC);
	w->paths = lru_new(CGWATCH_PATHS_MAX);
	if (w->inotify < 0 || w->stop < 0 || !w->paths) {
		release(w);
		return NULL;
	}
	add_tree(w, "", 0);
	/* Signals are for the thread that polls the ring. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		release(w);
		return NULL;
	}
	return w;
}

void cgwatch_free(struct cgwatch *w)
{
	if (!w)
		return;
	eventfd_write(w->stop, 1);
	pthread_join(w->thread, NULL);
	release(w);
}

char *cgwatch_path(struct cgwatch *w, uint64_t id)
{
	struct lru_entry *e;
	char *path = NULL;

	if (!w)
		return NULL;
	pthread_mutex_lock(&w->lock);
	e = lru_get(w->paths, id);
	if (e && e->text)
		path = strdup(e->text);
	pthread_mutex_unlock(&w->lock);
	return path;
}

struct each_new {
	uint64_t since;
	void (*fn)(void *ctx, uint64_t id, const char *path);
	void *ctx;
};

static bool tell_new(void *ctx, const struct lru_entry *e)
{
	const struct each_new *each = ctx;

	if (e->number > each->since && e->text)
		each->fn(each->ctx, e->key, e->text);
	return true;
}

uint64_t cgwatch_each_new(struct cgwatch *w, uint64_t since,
			  void (*fn)(void *ctx, uint64_t id, const char *path), void *ctx)
{
	struct each_new each = {since, fn, ctx};
	uint64_t serial;

	if (!w)
		return since;
	pthread_mutex_lock(&w->lock);
	serial = w->serial;
	if (serial != since)
		lru_each(w->paths, tell_new, &each);
	pthread_mutex_unlock(&w->lock);
	return serial;
}

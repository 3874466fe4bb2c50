// SPDX-License-Identifier: GPL-2.0-only
#include "cgfilter.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "owner/cgroup2.h"
#include "owner/lru.h"
#include "owner/procfs.h"

/* The watcher may be a moment behind. After this long a cgroup without a path has none. */
#define PATH_WAIT_NS UINT64_C(1000000000)

/*
 * Cgroups are entries of a table: text is the path, number the verdict that was told, checked_ns
 * when it was first looked at. Those that may change are also in a list.
 */
struct cgfilter {
	struct selection *sel;
	struct owner_cache *oc;
	bool hybrid;
	uint64_t since; /* of owner_new_cgroups() */
	struct lru *cgroups;
	uint64_t *open;
	unsigned int open_cnt, open_room;
};

struct cgfilter *cgfilter_new(struct selection *sel, struct owner_cache *oc)
{
	struct cgfilter *cf = calloc(1, sizeof(*cf));

	if (!cf)
		return NULL;
	cf->sel = sel;
	cf->oc = oc;
	cf->hybrid = cgroup2_is_hybrid();
	cf->cgroups = lru_new(CGFILTER_CGROUPS_MAX);
	if (!cf->cgroups) {
		cgfilter_free(cf);
		return NULL;
	}
	return cf;
}

void cgfilter_free(struct cgfilter *cf)
{
	if (!cf)
		return;
	lru_free(cf->cgroups);
	free(cf->open);
	free(cf);
}

static bool add_open(struct cgfilter *cf, uint64_t id)
{
	unsigned int room = cf->open_room ? cf->open_room * 2 : 256;
	uint64_t *bigger;

	if (cf->open_cnt == cf->open_room) {
		/* Twice the table: what was pushed out of that leaves the list at the next tick. */
		if (room > 2 * CGFILTER_CGROUPS_MAX)
			return false;
		bigger = realloc(cf->open, room * sizeof(*bigger));
		if (!bigger)
			return false;
		cf->open = bigger;
		cf->open_room = room;
	}
	cf->open[cf->open_cnt++] = id;
	return true;
}

/* `path` may be NULL: then it is looked for. */
static void add(struct cgfilter *cf, uint64_t id, const char *path)
{
	struct lru_entry *e;

	if (lru_get(cf->cgroups, id) || !add_open(cf, id))
		return;
	e = lru_put(cf->cgroups, id);
	if (path)
		lru_set_text(e, strdup(path));
}

static bool add_existing(void *ctx, uint64_t id, const char *path)
{
	struct cgfilter *cf = ctx;

	add(cf, id, path);
	return cf->open_cnt < CGFILTER_CGROUPS_MAX;
}

static void add_new(void *ctx, uint64_t id, const char *path)
{
	add(ctx, id, path);
}

void cgfilter_meet(struct cgfilter *cf, uint64_t cgroup_id)
{
	if (cgroup_id)
		add(cf, cgroup_id, NULL);
}

static bool says_nothing(const struct cgfilter *cf, const char *path)
{
	return cf->hybrid && !strcmp(path, "/");
}

/* --- the start -------------------------------------------------------------------------------- */

/* A cgroup that is to be shown to the selection. */
struct shown {
	uint64_t id; /* 0: of a v1 hierarchy */
	char *path;
	bool done;
};

struct show {
	struct shown *list;
	unsigned int cnt, room;
};

static bool show_add(void *ctx, uint64_t id, const char *path)
{
	struct show *s = ctx;
	unsigned int room = s->room ? s->room * 2 : 256, i;
	struct shown *bigger;

	/* Processes of one cgroup come in rows; more of the same do no harm. */
	for (i = s->cnt; !id && i > 0 && i + 8 > s->cnt; i--)
		if (!strcmp(s->list[i - 1].path, path))
			return true;
	if (s->cnt == s->room) {
		bigger = room > CGFILTER_CGROUPS_MAX ? NULL
						     : realloc(s->list, room * sizeof(*bigger));
		if (!bigger)
			return false;
		s->list = bigger;
		s->room = room;
	}
	s->list[s->cnt].id = id;
	s->list[s->cnt].done = false;
	s->list[s->cnt].path = strdup(path);
	s->cnt += s->list[s->cnt].path != NULL;
	return true;
}

/* Where cgroup2 says nothing, processes say in which v1 cgroups they are. */
static void show_processes(struct show *s)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;

	while (proc && (de = readdir(proc))) {
		char *path = isdigit((unsigned char)de->d_name[0])
				     ? procfs_cgroup((uint32_t)strtoul(de->d_name, NULL, 10))
				     : NULL;

		if (path)
			show_add(s, 0, path);
		free(path);
	}
	if (proc)
		closedir(proc);
}

/* Shows those whose first answer is there, or all. Returns how many are left. */
static unsigned int show_ready(struct cgfilter *cf, struct show *s, bool all)
{
	unsigned int left = 0, i;

	for (i = 0; i < s->cnt; i++) {
		struct shown *one = &s->list[i];
		struct owner_names n;

		if (one->done)
			continue;
		owner_names_of(cf->oc, one->id, one->path, &n);
		one->done = all || n.state != NAMES_ASKED || !selection_needs_names(cf->sel);
		if (one->done)
			selection_meet(cf->sel, &n);
		else
			left++;
	}
	return left;
}

int cgfilter_start(struct cgfilter *cf, struct diag *d)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	struct show s = {0};
	unsigned int waited;

	cf->since = owner_new_cgroups(cf->oc, cf->since, add_new, cf);
	owner_each_cgroup(cf->oc, add_existing, cf);
	owner_each_cgroup(cf->oc, show_add, &s);
	if (cf->hybrid)
		show_processes(&s);
	for (waited = 0; show_ready(cf, &s, waited >= CGFILTER_WAIT_MS); waited += 2)
		nanosleep(&pause, NULL);
	while (s.cnt)
		free(s.list[--s.cnt].path);
	free(s.list);
	return selection_start(cf->sel, d);
}

/* --- from then on ----------------------------------------------------------------------------- */

/* *final: it does not change any more. */
static enum selection_verdict judge(struct cgfilter *cf, struct lru_entry *e, uint64_t now_ns,
				    bool *final)
{
	enum selection_verdict verdict;
	const char *path = e->text;
	struct owner_names n;

	*final = false;
	if (!path)
		path = owner_cgroup_path(cf->oc, e->key);
	if (!path) {
		/* Of one that is gone nothing is known, and what is not known is not shown. */
		*final = now_ns - e->checked_ns > PATH_WAIT_NS;
		return *final ? SELECTION_NO : SELECTION_UNDECIDED;
	}
	if (says_nothing(cf, path)) {
		*final = true;
		return SELECTION_UNDECIDED;
	}
	owner_names_of(cf->oc, e->key, path, &n);
	verdict = selection_judge(cf->sel, &n);
	*final = verdict == SELECTION_YES || n.state == NAMES_COMPLETE ||
		 (verdict == SELECTION_NO && !selection_needs_names(cf->sel));
	return verdict;
}

unsigned int cgfilter_update(struct cgfilter *cf, uint64_t now_ns,
			     void (*tell)(void *ctx, uint64_t cgroup_id,
					  enum selection_verdict verdict),
			     void *ctx)
{
	unsigned int told = 0, kept = 0, i;

	cf->since = owner_new_cgroups(cf->oc, cf->since, add_new, cf);
	for (i = 0; i < cf->open_cnt; i++) {
		struct lru_entry *e = lru_get(cf->cgroups, cf->open[i]);
		enum selection_verdict verdict;
		bool final;

		if (!e)
			continue; /* pushed out: it comes again when it is seen */
		if (!e->checked_ns)
			e->checked_ns = now_ns;
		verdict = judge(cf, e, now_ns, &final);
		if (verdict != (enum selection_verdict)e->number) {
			e->number = verdict;
			tell(ctx, e->key, verdict);
			told++;
		}
		if (!final)
			cf->open[kept++] = e->key;
	}
	cf->open_cnt = kept;
	return told;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owner/owner.h"
#include "owner/workload.h"

/* An id's first digits have to be as many. */
#define DIGITS_MIN 4
/* Of an ambiguous one, those that are told. */
#define CANDIDATES_MAX 4

enum kind { KIND_CONTAINER, KIND_POD, KIND_UNIT, KIND_CGROUP, KIND_CNT };

/* The container that an id's first digits mean. */
struct candidate {
	char id[WORKLOAD_ID_LEN + 1];
	char name[48];
};

/* One word of the user's. */
struct wanted {
	const char *text;
	enum kind kind;
	bool found;   /* something has matched */
	bool by_name; /* -c: a container has this name, so that the digits mean no id */
	unsigned int candidate_cnt;
	struct candidate candidates[CANDIDATES_MAX]; /* after the start the first one counts */
};

struct selection {
	unsigned int cnt;
	bool asked[KIND_CNT];
	struct wanted wanted[];
};

static unsigned int count(const char *const *list)
{
	unsigned int n = 0;

	while (list && list[n])
		n++;
	return n;
}

static void add(struct selection *sel, enum kind kind, const char *const *list)
{
	for (; list && *list; list++) {
		struct wanted *w = &sel->wanted[sel->cnt++];

		w->text = *list;
		w->kind = kind;
		sel->asked[kind] = true;
	}
}

struct selection *selection_new(const struct selection_query *q)
{
	unsigned int cnt = count(q->containers) + count(q->pods) + count(q->units) +
			   count(q->cgroups);
	struct selection *sel = calloc(1, sizeof(*sel) + cnt * sizeof(sel->wanted[0]));

	if (!sel)
		return NULL;
	add(sel, KIND_CONTAINER, q->containers);
	add(sel, KIND_POD, q->pods);
	add(sel, KIND_UNIT, q->units);
	add(sel, KIND_CGROUP, q->cgroups);
	return sel;
}

void selection_free(struct selection *sel)
{
	free(sel);
}

bool selection_needs_names(const struct selection *sel)
{
	return sel->asked[KIND_CONTAINER] || sel->asked[KIND_POD];
}

/* --- one word --------------------------------------------------------------------------------- */

static bool is_digits_of(const char *text, const char *id)
{
	size_t len = strlen(text);

	return id && len >= DIGITS_MIN && !strncmp(id, text, len);
}

static bool is_named(const char *text, const struct owner_names *n)
{
	return n->container_name && !strcmp(n->container_name, text);
}

/* The path itself or one above it: a glob takes what is below as well. */
static bool is_path(const char *pattern, const char *path)
{
	char buf[4096];
	size_t len = strlen(path);

	/* Names of cgroups may hold '\\' and '[': what is written literally means itself. */
	if (owner_path_under(path, pattern))
		return true;
	if (len >= sizeof(buf) || !strpbrk(pattern, "*?["))
		return false;
	memcpy(buf, path, len + 1);
	while (len) {
		if (!fnmatch(pattern, buf, FNM_PATHNAME))
			return true;
		while (len && buf[len - 1] != '/')
			len--;
		if (len)
			buf[--len] = '\0';
	}
	return false;
}

static bool is_container(struct wanted *w, const struct owner_names *n)
{
	if (is_named(w->text, n)) {
		w->by_name = true;
		return true;
	}
	if (w->candidate_cnt)
		return n->container_id && !strcmp(w->candidates[0].id, n->container_id);
	if (w->by_name || !is_digits_of(w->text, n->container_id))
		return false;
	snprintf(w->candidates[0].id, sizeof(w->candidates[0].id), "%s", n->container_id);
	w->candidate_cnt = 1;
	return true;
}

static bool matches(struct wanted *w, const struct owner_names *n)
{
	bool yes = false;

	switch (w->kind) {
	case KIND_CONTAINER:
		yes = is_container(w, n);
		break;
	case KIND_POD:
		yes = names_is_pod(n, w->text);
		break;
	case KIND_UNIT:
		yes = names_is_unit(n, w->text);
		break;
	case KIND_CGROUP:
		yes = n->cgroup_path && is_path(w->text, n->cgroup_path);
		break;
	case KIND_CNT:
		break;
	}
	w->found |= yes;
	return yes;
}

/* --- the start -------------------------------------------------------------------------------- */

/* Several cgroups may be of one container. */
static void add_candidate(struct wanted *w, const struct owner_names *n)
{
	struct candidate *c;
	unsigned int i;

	for (i = 0; i < w->candidate_cnt; i++)
		if (!strcmp(w->candidates[i].id, n->container_id))
			return;
	if (i == CANDIDATES_MAX)
		return;
	c = &w->candidates[w->candidate_cnt++];
	snprintf(c->id, sizeof(c->id), "%s", n->container_id);
	snprintf(c->name, sizeof(c->name), "%s", n->container_name ? n->container_name : "");
}

void selection_meet(struct selection *sel, const struct owner_names *n)
{
	unsigned int i;

	for (i = 0; i < sel->cnt; i++) {
		struct wanted *w = &sel->wanted[i];

		if (w->kind != KIND_CONTAINER)
			matches(w, n);
		else if (is_named(w->text, n))
			w->found = w->by_name = true;
		else if (is_digits_of(w->text, n->container_id))
			add_candidate(w, n);
	}
}

/* A name comes from elsewhere: only what is plain is shown. */
static void append_candidate(char *text, size_t size, const struct candidate *c)
{
	size_t len = strlen(text);
	const char *p;

	snprintf(text + len, size - len, "%s%.16s", len ? ", " : "", c->id);
	for (p = c->name; *p && (unsigned char)*p > ' ' && (unsigned char)*p < 0x7f; p++)
		;
	len = strlen(text);
	if (c->name[0] && !*p)
		snprintf(text + len, size - len, " (%s)", c->name);
}

int selection_start(struct selection *sel, struct diag *d)
{
	char list[400] = "";
	unsigned int i, k;

	for (i = 0; i < sel->cnt; i++) {
		struct wanted *w = &sel->wanted[i];

		if (w->by_name)
			w->candidate_cnt = 0;
		if (w->candidate_cnt > 1) {
			for (k = 0; k < w->candidate_cnt; k++)
				append_candidate(list, sizeof(list), &w->candidates[k]);
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"-c %.64s is ambiguous, more than one container's id "
					"begins so: %s%s; give more digits, or the name",
					w->text, list,
					w->candidate_cnt == CANDIDATES_MAX ? " ..." : "");
		}
		w->found |= w->candidate_cnt;
	}
	return 0;
}

bool selection_missing(const struct selection *sel, unsigned int n, char *what, size_t size)
{
	static const char *const kinds[] = {"container", "pod", "unit", "cgroup"};
	unsigned int i;

	for (i = 0; i < sel->cnt; i++) {
		const struct wanted *w = &sel->wanted[i];

		if (w->found || n--)
			continue;
		snprintf(what, size, "%s %s", kinds[w->kind], w->text);
		return true;
	}
	return false;
}

/* --- from then on ----------------------------------------------------------------------------- */

enum selection_verdict selection_judge(struct selection *sel, const struct owner_names *n)
{
	bool has[KIND_CNT] = {false}, may_come = n->state == NAMES_ASKED || n->state == NAMES_SOON;
	enum selection_verdict verdict = SELECTION_YES;
	unsigned int i, kind;

	for (i = 0; i < sel->cnt; i++)
		if (!has[sel->wanted[i].kind] && matches(&sel->wanted[i], n))
			has[sel->wanted[i].kind] = true;
	for (kind = 0; kind < KIND_CNT; kind++) {
		if (!sel->asked[kind] || has[kind])
			continue;
		if (!may_come || kind == KIND_UNIT || kind == KIND_CGROUP)
			return SELECTION_NO;
		verdict = SELECTION_UNDECIDED;
	}
	return verdict;
}

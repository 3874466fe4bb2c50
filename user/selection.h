/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selection.h - which cgroups -c, --pod, --unit and -g ask for.
 *
 *	-c NAME      the containers of that name
 *	-c DIGITS    the container whose id begins so: four digits at least; at the start only one
 *	--pod        NAME (in any name space) or NAMESPACE/NAME: all its containers
 *	--unit       NAME or NAME.service: the innermost unit, as `systemctl status PID` says
 *	-g           PATH or glob: what it names, and all below. '*' and '?' don't match '/'
 *
 * Of one option given several times any may match; of different options all have to.
 *
 * At the start everything that there is is shown to selection_meet(), then selection_start() says
 * what is ambiguous. From then on an id's first digits stand for the one container that they meant,
 * or for the first that comes: one that comes later with the same digits is another.
 *
 * Pure: it knows neither the kernel nor files.
 */
#ifndef HTTPLAT_SELECTION_H
#define HTTPLAT_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "diag.h"
#include "owner/names.h"

/* Each a list that NULL ends, borrowed; NULL: not asked for. */
struct selection_query {
	const char *const *containers, *const *pods, *const *units, *const *cgroups;
};

enum selection_verdict {
	SELECTION_UNDECIDED = 0, /* it depends on names that may come soon */
	SELECTION_NO,
	SELECTION_YES,
};

struct selection;

/* NULL without memory. */
struct selection *selection_new(const struct selection_query *q);
void selection_free(struct selection *sel);

/* Whether names matter that are not in a cgroup's path. */
bool selection_needs_names(const struct selection *sel);

/* A cgroup that there is at the start. */
void selection_meet(struct selection *sel, const struct owner_names *n);

/* 0; or -EINVAL with the candidates in *d: digits that begin more than one container's id. */
int selection_start(struct selection *sel, struct diag *d);

/*
 * After selection_start(): the n-th of what has matched nothing so far, as "container web"; false
 * at the end.
 */
bool selection_missing(const struct selection *sel, unsigned int n, char *what, size_t size);

/*
 * After selection_start(). NO of a cgroup whose names are not complete is for now, and YES is for
 * good.
 */
enum selection_verdict selection_judge(struct selection *sel, const struct owner_names *n);

#endif

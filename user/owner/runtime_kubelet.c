// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kubelet names the logs after pods and containers, whatever the runtime is. Kubernetes'
 * names hold no '_', so that the parts can be told.
 */
#include <string.h>

#include "runtime.h"
#include "statefile.h"

struct search {
	const char *want; /* how the name ends */
	struct runtime_names *out;
	bool found;
};

/* Cuts `name` at its next '_'; NULL: there is none. */
static char *next_part(char **name)
{
	char *part = *name, *end = part ? strchr(part, '_') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*name = end + 1;
	return part;
}

/* Copies `name` without the ending that is looked for; false when it hasn't that. */
static bool cut_ending(const struct search *s, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name), end = strlen(s->want);

	if (len <= end || len - end >= size || strcmp(name + len - end, s->want))
		return false;
	memcpy(buf, name, len - end);
	buf[len - end] = '\0';
	return true;
}

/* <pod>_<namespace>_<container>-<id>.log */
static bool on_container_log(void *ctx, const char *name)
{
	struct search *s = ctx;
	char buf[1024], *at = buf, *pod, *name_space;

	if (!cut_ending(s, name, buf, sizeof(buf)))
		return true;
	pod = next_part(&at);
	name_space = next_part(&at);
	if (!name_space)
		return true;
	RUNTIME_SET(s->out->pod, pod);
	RUNTIME_SET(s->out->pod_namespace, name_space);
	RUNTIME_SET(s->out->pod_container, at);
	s->found = true;
	return false;
}

/* <namespace>_<pod>_<uid>; which container of it, isn't told. */
static bool on_pod_logs(void *ctx, const char *name)
{
	struct search *s = ctx;
	char buf[1024], *at = buf, *name_space;

	if (!cut_ending(s, name, buf, sizeof(buf)))
		return true;
	name_space = next_part(&at);
	if (!name_space)
		return true;
	RUNTIME_SET(s->out->pod_namespace, name_space);
	RUNTIME_SET(s->out->pod, at);
	s->found = true;
	return false;
}

bool runtime_kubelet(const struct runtime_query *q, const char *pod_uid, struct runtime_names *out)
{
	char want[STATEFILE_PATH_MAX];
	struct search s = {.want = want, .out = out};

	if (q->id[0] && !statefile_path(want, "-%s.log", q->id))
		statefile_each(q->root, "/var/log/containers", on_container_log, &s);
	if (!s.found && pod_uid[0] && !statefile_path(want, "_%s", pod_uid))
		statefile_each(q->root, "/var/log/pods", on_pod_logs, &s);
	return s.found;
}

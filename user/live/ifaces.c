// SPDX-License-Identifier: GPL-2.0-only
#include "live/ifaces.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages that are taken in one go. */
#define READS_MAX 64

/* One that is traced; or that was, and is waited for: ifindex 0. */
struct slot {
	struct iface iface;
	struct attach at;
};

struct ifaces {
	enum hook hook;
	bool any;
	struct slot *slots;
	size_t cnt;
	struct attach_progs progs;
	int watch; /* rtnetlink; -1: nothing is watched */
};

static int fill_slots(struct ifaces *is, const struct iface *list, size_t cnt)
{
	is->slots = calloc(cnt + 1, sizeof(*is->slots));
	if (!is->slots)
		return -ENOMEM;
	for (; is->cnt < cnt; is->cnt++)
		is->slots[is->cnt].iface = list[is->cnt];
	return 0;
}

int ifaces_open(const char *const *names, enum hook hook, struct ifaces **out, struct diag *d)
{
	struct ifaces *is = calloc(1, sizeof(*is));
	struct iface everything = {0}, *list = NULL;
	size_t cnt = 1;
	int err = 0;

	if (!is)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	is->hook = hook;
	is->watch = -1;
	is->any = !names || !names[0] || !strcmp(names[0], "any");
	if (hook == HOOK_TC || !is->any)
		err = attach_interfaces(names, &list, &cnt, d);
	if (!err)
		err = fill_slots(is, list ? list : &everything, cnt);
	free(list);
	if (err) {
		ifaces_close(is);
		return diag_set(d, EXIT_RUNTIME, err, "out of memory");
	}
	*out = is;
	return 0;
}

void ifaces_kinds(const struct ifaces *is, bool *l2, bool *l3)
{
	/* What comes later may be of either kind. */
	*l2 = *l3 = is->any;
	for (size_t i = 0; i < is->cnt; i++) {
		*l2 |= is->slots[i].iface.has_l2;
		*l3 |= !is->slots[i].iface.has_l2;
	}
}

static int attach_slot(struct ifaces *is, struct slot *s, struct diag *d)
{
	int err = is->hook == HOOK_SOCKET ? attach_socket(&s->at, &is->progs, &s->iface, 1, d)
					  : attach_tc(&s->at, &is->progs, &s->iface, 1, false, d);

	if (err)
		attach_close(&s->at);
	return err;
}

/* Without it nothing is missed but changes. */
static int open_watch(void)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int ifaces_attach(struct ifaces *is, const struct attach_progs *progs, struct diag *d)
{
	int err = 0;

	is->progs = *progs;
	if (is->hook == HOOK_TC || !is->any)
		is->watch = open_watch();
	for (size_t i = 0; !err && i < is->cnt; i++) {
		struct diag why = {0};

		err = attach_slot(is, &is->slots[i], &why);
		if (err == -ENODEV && is->any) /* it has just gone */
			err = 0;
		else if (err)
			diag_set(d, why.status, err, "%s", why.text);
	}
	return err;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Whether links came, went or changed since the last call; what did is looked up. When the
 * socket was too full for all of it (ENOBUFS), something did. */
static bool has_changed(const struct ifaces *is)
{
	char buf[16384];
	bool changed = false;
	ssize_t n;
	int i;

	for (i = 0; i < READS_MAX; i++) {
		n = recv(is->watch, buf, sizeof(buf), 0);
		if (n <= 0 && !(n < 0 && errno == ENOBUFS))
			break;
		changed = true;
	}
	return changed;
}

static const struct iface *find_index(const struct iface *list, size_t cnt, unsigned int ifindex)
{
	for (size_t i = 0; i < cnt; i++)
		if (list[i].ifindex == ifindex)
			return &list[i];
	return NULL;
}

static const struct iface *find_name(const struct iface *list, size_t cnt, const char *name)
{
	for (size_t i = 0; i < cnt; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

struct telling {
	void (*say)(void *ctx, const char *sentence);
	void *ctx;
};

static void tell(const struct telling *t, const char *name, const char *what)
{
	char text[sizeof(((struct diag *)0)->text) + IF_NAMESIZE + 16];

	snprintf(text, sizeof(text), "interface %s %s", name, what);
	t->say(t->ctx, text);
}

/* Not tried again until it goes and comes once more. */
static bool attach_or_tell(struct ifaces *is, struct slot *s, const struct telling *t)
{
	struct diag d = {0};

	if (!attach_slot(is, s, &d))
		return true;
	tell(t, s->iface.name, d.text);
	return false;
}

/* True when it is there as it was. */
static bool check_slot(struct ifaces *is, struct slot *s, const struct iface *list, size_t cnt,
		       const struct telling *t)
{
	if (!s->iface.ifindex)
		return false;
	if (find_index(list, cnt, s->iface.ifindex))
		return true;
	attach_close(&s->at);
	s->iface.ifindex = 0;
	if (!is->any)
		tell(t, s->iface.name, "is gone; it is traced again when it is back");
	return false;
}

/* A named one that is not there, or not any more. */
static void revive(struct ifaces *is, struct slot *s, const struct iface *list, size_t cnt,
		   const struct telling *t)
{
	const struct iface *now = find_name(list, cnt, s->iface.name);

	if (!now)
		return;
	s->iface = *now;
	if (attach_or_tell(is, s, t))
		tell(t, now->name, "is back, and is traced again");
}

/* With "any": those that are new get a slot, those that are gone lose theirs. */
static void follow_all(struct ifaces *is, const struct iface *list, size_t cnt,
		       const struct telling *t)
{
	struct slot *slots = calloc(cnt + 1, sizeof(*slots));
	size_t i, old;

	if (!slots)
		return;
	for (i = 0; i < cnt; i++) {
		for (old = 0; old < is->cnt; old++)
			if (is->slots[old].iface.ifindex == list[i].ifindex)
				break;
		if (old < is->cnt) {
			slots[i] = is->slots[old];
		} else {
			slots[i].iface = list[i];
			attach_or_tell(is, &slots[i], t);
		}
	}
	free(is->slots);
	is->slots = slots;
	is->cnt = cnt;
}

void ifaces_watch(struct ifaces *is, void (*say)(void *ctx, const char *sentence), void *ctx)
{
	const struct telling t = {say, ctx};
	struct iface *list;
	size_t cnt, i;

	if (is->watch < 0 || !has_changed(is) || attach_interfaces(NULL, &list, &cnt, NULL))
		return;
	for (i = 0; i < is->cnt; i++)
		if (!check_slot(is, &is->slots[i], list, cnt, &t) && !is->any)
			revive(is, &is->slots[i], list, cnt, &t);
	if (is->any)
		follow_all(is, list, cnt, &t);
	free(list);
}

void ifaces_close(struct ifaces *is)
{
	if (!is)
		return;
	for (size_t i = 0; i < is->cnt; i++)
		attach_close(&is->slots[i].at);
	if (is->watch >= 0)
		close(is->watch);
	free(is->slots);
	free(is);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "txfilter.h"

#include <string.h>

#include "owner/owner.h"

static bool under(const char *path, const char *below)
{
	return path && owner_path_under(path, below);
}

bool txfilter_match(const struct txfilter *f, const struct transaction *tx, const char *owner_path,
		    const char *sock_path)
{
	if (f->pid && tx->owner.pid != f->pid)
		return false;
	if (f->comm[0] && strncmp(f->comm, tx->owner.comm, sizeof(f->comm)) != 0)
		return false;
	if (f->port && tx->client.port != f->port && tx->server.port != f->port)
		return false;
	if (f->side && tx->side != f->side)
		return false;
	return !f->cgroup || under(owner_path, f->cgroup) || under(sock_path, f->cgroup);
}

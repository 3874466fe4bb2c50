// SPDX-License-Identifier: GPL-2.0-only
#include "txfilter.h"

#include <string.h>

bool txfilter_needs_identity(const struct txfilter *f)
{
	return f->follow || f->by_uid;
}

bool txfilter_match(const struct txfilter *f, const struct transaction *tx,
		    const struct identity *id, bool selected)
{
	if (f->pid && tx->owner.pid != f->pid && !(f->follow && id->followed))
		return false;
	if (f->by_uid && (!tx->owner.pid || !id->has_uid || id->uid != f->uid))
		return false;
	if (f->comm[0] && strncmp(f->comm, tx->owner.comm, sizeof(f->comm)) != 0)
		return false;
	if (f->port && tx->client.port != f->port && tx->server.port != f->port)
		return false;
	if (f->side && tx->side != f->side)
		return false;
	return !f->by_cgroup || selected;
}

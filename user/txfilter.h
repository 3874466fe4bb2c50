/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * txfilter.h - which transactions the user asked for: -p, --follow, --comm, --uid, -c, -g, --pod,
 * --unit, --port, --side.
 *
 * The kernel has narrowed what is copied by the same questions, but it copies what it cannot decide
 * yet (an owner that is not known); here the answer is exact. What is not known does not match.
 */
#ifndef HTTPLAT_TXFILTER_H
#define HTTPLAT_TXFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/transaction.h"
#include "owner/identity.h"

/* Zero, empty and false: any. */
struct txfilter {
	uint32_t pid;
	bool follow; /* and its descendants */
	bool by_uid;
	uint32_t uid;
	bool by_cgroup; /* the selection's answer counts */
	char comm[16];	/* NUL padded */
	uint16_t port;	/* at either end */
	enum tx_side side;
};

/* Whether it needs to know who the owner is, beside its name. */
bool txfilter_needs_identity(const struct txfilter *f);

/* id: of tx->owner. selected: whether the cgroup of the socket's user or creator is asked for. */
bool txfilter_match(const struct txfilter *f, const struct transaction *tx,
		    const struct identity *id, bool selected);

#endif

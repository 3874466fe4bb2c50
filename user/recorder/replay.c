// SPDX-License-Identifier: GPL-2.0-only
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A recording that names more owners than this was not made by us; what it says first holds. */
#define NAMED_MAX (1 << 18)

struct named {
	struct named_key {
		uint64_t pid, cgroup_id, sock_cgroup_id;
	} key;
	struct owner_names names; /* strings in `bytes` */
	uint8_t *bytes;
	UT_hash_handle hh;
};

struct replay {
	struct wallclock clock;
	struct named *named;
};

struct replay *replay_new(void)
{
	return calloc(1, sizeof(struct replay));
}

void replay_free(struct replay *rp)
{
	struct named *n, *next;

	if (!rp)
		return;
	HASH_ITER(hh, rp->named, n, next) {
		HASH_DEL(rp->named, n);
		free(n->bytes);
		free(n);
	}
	free(rp);
}

static struct named *find(const struct replay *rp, const struct named_key *key)
{
	struct named *n;

	HASH_FIND(hh, rp->named, key, sizeof(*key), n);
	return n;
}

/* The note once more, in bytes that stay: the names point into them. */
static int keep_names(struct named *n, const struct note *note)
{
	uint8_t *bytes = malloc(NOTE_MAX), *fitting;
	size_t len = bytes ? note_write(bytes, note) : 0;
	struct note copy;

	fitting = len ? realloc(bytes, len) : NULL;
	if (!fitting || !note_read(fitting, len, &copy)) {
		free(fitting ? fitting : bytes);
		return -ENOMEM;
	}
	free(n->bytes);
	n->bytes = fitting;
	n->names = copy.names.names;
	return 0;
}

static int take_names(struct replay *rp, const struct note *note)
{
	const struct note_names *names = &note->names;
	const struct named_key key = {names->pid, names->cgroup_id, names->sock_cgroup_id};
	struct named *n = find(rp, &key);
	int err;

	if (n)
		return keep_names(n, note);
	if (HASH_COUNT(rp->named) >= NAMED_MAX)
		return 0;
	n = calloc(1, sizeof(*n));
	err = n ? keep_names(n, note) : -ENOMEM;
	if (err) {
		free(n);
		return err;
	}
	n->key = key;
	HASH_ADD(hh, rp->named, key, sizeof(n->key), n);
	return 0;
}

int replay_note(struct replay *rp, const struct note *n)
{
	if (n->kind == NOTE_CLOCK)
		wallclock_restore(&rp->clock, n->clock.since_ns, n->clock.offset_ns);
	return n->kind == NOTE_NAMES ? take_names(rp, n) : 0;
}

void replay_names(const struct replay *rp, const struct transaction *tx, struct owner_names *out)
{
	const struct named_key key = {tx->owner.pid, tx->owner.cgroup_id, tx->sock_cgroup_id};
	const struct named *n = find(rp, &key);

	*out = n ? n->names : (struct owner_names){0};
}

const struct wallclock *replay_clock(const struct replay *rp)
{
	return &rp->clock;
}

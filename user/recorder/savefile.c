// SPDX-License-Identifier: GPL-2.0-only
#include "savefile.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
	LINK_RAW = 101, /* LINKTYPE_RAW: IPv4 or IPv6, by its version */
	INTERFACES_MAX = 256,
	NAMES_MAX = 1 << 16, /* beyond that they are written again */
};

/* Names that the file has, by their owner. */
struct named {
	struct named_key {
		uint64_t pid, cgroup_id, sock_cgroup_id;
	} key;
	uint64_t hash; /* of the note */
	UT_hash_handle hh;
};

struct savefile {
	const struct savefile_env *env;
	struct pcapng_writer *out;
	struct wallclock_offset told; /* the clock's last entry that the file has */
	struct named *named;
	uint32_t ifindex[INTERFACES_MAX]; /* of interface number n + 1; number 0 is any other */
	unsigned int iface_cnt;
	uint8_t note[NOTE_MAX];
};

void saved_packet_make(struct saved_packet *out, const struct savefile_env *env,
		       const struct segment *seg, uint8_t note[NOTE_MAX])
{
	const struct note n = {.kind = NOTE_SEGMENT, .segment = *seg};

	*out = (struct saved_packet){
		.time_ns = seg->time_ns,
		.dir = seg->dir,
		.ifindex = seg->note.ifindex,
		.lost_events = seg->note.lost_events,
		.pkt = seg->pkt,
		.cap = seg->pkt_cap,
		.len = seg->pkt_len,
		.note = note,
		.note_len = env->clock ? note_write(note, &n) : 0,
	};
}

static void write_note(struct savefile *sf, const struct note *n)
{
	savefile_note(sf, sf->note, note_write(sf->note, n));
}

/* Offsets that the file doesn't have yet. */
static void tell_clock(struct savefile *sf)
{
	const struct wallclock *wc = sf->env->clock;
	unsigned int i;

	if (!wc || !wc->cnt || wc->history[wc->cnt - 1].since_ns == sf->told.since_ns)
		return;
	for (i = 0; i < wc->cnt; i++) {
		const struct wallclock_offset *at = &wc->history[i];
		struct note n = {.kind = NOTE_CLOCK, .clock = {at->since_ns, at->offset_ns}};

		if (at->since_ns <= sf->told.since_ns)
			continue;
		write_note(sf, &n);
		sf->told = *at;
	}
}

int savefile_open(const char *path, const struct savefile_env *env, struct savefile **out,
		  struct diag *d)
{
	const struct note session = {.kind = NOTE_SESSION, .session = {env->sees_reads}};
	struct savefile *sf = calloc(1, sizeof(*sf));
	int err;

	if (!sf)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	sf->env = env;
	err = pcapng_writer_open(path, &sf->out, d);
	if (err) {
		free(sf);
		return err;
	}
	pcapng_add_interface(sf->out, LINK_RAW, "any", env->description);
	if (env->clock)
		write_note(sf, &session);
	tell_clock(sf);
	*out = sf;
	return 0;
}

static uint32_t interface_of(struct savefile *sf, uint32_t ifindex)
{
	char name[IF_NAMESIZE];
	unsigned int i;

	if (!ifindex || !sf->env->names_interfaces)
		return 0;
	for (i = 0; i < sf->iface_cnt; i++)
		if (sf->ifindex[i] == ifindex)
			return i + 1;
	if (i == INTERFACES_MAX || !if_indextoname(ifindex, name))
		return 0;
	sf->ifindex[sf->iface_cnt++] = ifindex;
	return pcapng_add_interface(sf->out, LINK_RAW, name, sf->env->description);
}

void savefile_packet(struct savefile *sf, const struct saved_packet *p,
		     const char *const *comments, uint32_t room_len, struct pcapng_room *room)
{
	static const enum pcapng_direction directions[] = {
		[SEG_DIR_UNKNOWN] = PCAPNG_UNKNOWN,
		[SEG_DIR_INGRESS] = PCAPNG_INBOUND,
		[SEG_DIR_EGRESS] = PCAPNG_OUTBOUND,
	};
	int64_t offset = sf->env->clock ? wallclock_offset(sf->env->clock, p->time_ns) : 0;
	const struct pcapng_packet packet = {
		.iface = interface_of(sf, p->ifindex),
		.time_ns = p->time_ns + (uint64_t)offset,
		.data = p->pkt,
		.cap = p->cap,
		.len = p->len,
		.direction = directions[p->dir],
		.dropped = p->lost_events,
		.comments = comments,
		.note = p->note,
		.note_len = p->note_len,
		.room = room_len,
	};

	tell_clock(sf);
	pcapng_add_packet(sf->out, &packet, room);
}

void savefile_note(struct savefile *sf, const uint8_t *bytes, size_t len)
{
	if (len && sf->env->clock)
		pcapng_add_note(sf->out, bytes, len);
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t hash_bytes(const uint8_t *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

static void forget_names(struct savefile *sf)
{
	struct named *n, *next;

	HASH_ITER(hh, sf->named, n, next) {
		HASH_DEL(sf->named, n);
		free(n);
	}
}

/* Whether the file has the note already; it does from now on. Without memory it is written again. */
static bool is_told(struct savefile *sf, const struct named_key *key, uint64_t hash)
{
	struct named *n;
	bool same;

	HASH_FIND(hh, sf->named, key, sizeof(*key), n);
	if (!n) {
		if (HASH_COUNT(sf->named) >= NAMES_MAX)
			forget_names(sf);
		n = calloc(1, sizeof(*n));
		if (!n)
			return false;
		n->key = *key;
		HASH_ADD(hh, sf->named, key, sizeof(n->key), n);
	}
	same = n->hash == hash;
	n->hash = hash;
	return same;
}

void savefile_names(struct savefile *sf, const struct transaction *tx,
		    const struct owner_names *names)
{
	const struct named_key key = {tx->owner.pid, tx->owner.cgroup_id, tx->sock_cgroup_id};
	const struct note n = {
		.kind = NOTE_NAMES,
		.names = {tx->owner.pid, tx->owner.cgroup_id, tx->sock_cgroup_id, *names},
	};
	size_t len;

	if (!sf->env->clock)
		return;
	len = note_write(sf->note, &n);
	if (len && !is_told(sf, &key, hash_bytes(sf->note, len)))
		savefile_note(sf, sf->note, len);
}

bool savefile_comment(struct savefile *sf, struct pcapng_room *room, const char *text)
{
	return pcapng_comment(sf->out, room, text);
}

uint64_t savefile_size(const struct savefile *sf)
{
	return pcapng_size(sf->out);
}

int savefile_flush(struct savefile *sf)
{
	return pcapng_flush(sf->out);
}

int savefile_close(struct savefile *sf, struct diag *d)
{
	int err;

	if (!sf)
		return 0;
	forget_names(sf);
	err = pcapng_writer_close(sf->out, d);
	free(sf);
	return err;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/bytes.h"

/*
 *	+------+--------------+------ body ------+--------------+
 *	| type | total length |   ...            | total length |   4-byte integers in the section's order
 *	+------+--------------+------------------+--------------+
 */
enum block_type {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	/* Blocks without a packet that Wireshark counts as frames. */
	BLOCK_JOURNAL = 9,
	BLOCK_SYSDIG_EVENT = 0x204,
	BLOCK_SYSDIG_EVENT_FLAGS = 0x208,
	BLOCK_SYSDIG_EVENT_2 = 0x216,
	BLOCK_SYSDIG_EVENT_2_FLAGS = 0x217,
	BLOCK_SYSDIG_EVENT_2_LARGE = 0x221,
	BLOCK_SYSDIG_EVENT_2_FLAGS_LARGE = 0x222,
	BLOCK_CUSTOM = 0xbad,
	BLOCK_CUSTOM_NO_COPY = 0x40000bad,
	BLOCK_SECTION = 0x0a0d0d0a, /* the same in either byte order */
};

enum {
	BLOCK_OVERHEAD = 12,
	SECTION_MIN = 28,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPT_END = 0,
	OPT_TSRESOL = 9,
	OPT_TSOFFSET = 14,
	NS_PER_S = 1000000000,
};

struct interface {
	uint32_t link_type;
	uint32_t snaplen; /* 0: no limit */
	uint8_t tsresol;  /* exponent of 10, or with the top bit set of 2 */
	int64_t tsoffset_s;
};

struct pcapng {
	FILE *in;
	char *name;
	bool big_endian;
	bool ready; /* pending holds the next frame */
	struct frame pending;
	struct interface *ifaces;
	uint32_t iface_cnt, iface_room;
	uint64_t number;
	uint64_t time_ns;
	bool has_session; /* a recording of httplat's: else what looks like its notes is none */
	struct note_session session;
	uint8_t *block; /* the body of the block that was read last */
	uint32_t block_room;
};

static uint16_t get16(const struct pcapng *ng, const uint8_t *p)
{
	return ng->big_endian ? get_be16(p) : get_le16(p);
}

static uint32_t get32(const struct pcapng *ng, const uint8_t *p)
{
	return ng->big_endian ? get_be32(p) : get_le32(p);
}

static uint64_t get64(const struct pcapng *ng, const uint8_t *p)
{
	uint64_t first = get32(ng, p), second = get32(ng, p + 4);

	return ng->big_endian ? first << 32 | second : second << 32 | first;
}

static int damaged(const struct pcapng *ng, struct diag *d, const char *why)
{
	return diag_set(d, EXIT_RUNTIME, -EIO, "%s is damaged after frame %llu: %s", ng->name,
			(unsigned long long)ng->number, why);
}

static int cut_short(const struct pcapng *ng, struct diag *d)
{
	if (ferror(ng->in))
		return diag_set(d, EXIT_RUNTIME, -EIO, "cannot read %s: %s", ng->name,
				strerror(errno));
	return diag_set(d, EXIT_RUNTIME, -EIO,
			"%s is cut short after frame %llu: the capture ends inside a block",
			ng->name, (unsigned long long)ng->number);
}

/* --- interfaces and time ----------------------------------------------------------------------- */

struct option {
	uint32_t code, len;
	const uint8_t *value;
};

/* The options of a block, one after the other. False after the last, or where they are damaged. */
static bool next_option(const struct pcapng *ng, const uint8_t **p, uint32_t *len,
			struct option *out)
{
	uint32_t padded;

	if (*len < 4)
		return false;
	*out = (struct option){get16(ng, *p), get16(ng, *p + 2), *p + 4};
	padded = (out->len + 3) & ~3u;
	if (out->code == OPT_END || padded > *len - 4)
		return false;
	*p += 4 + padded;
	*len -= 4 + padded;
	return true;
}

static void read_options(const struct pcapng *ng, const uint8_t *p, uint32_t len,
			 struct interface *iface)
{
	struct option opt;

	while (next_option(ng, &p, &len, &opt)) {
		if (opt.code == OPT_TSRESOL && opt.len == 1)
			iface->tsresol = opt.value[0];
		else if (opt.code == OPT_TSOFFSET && opt.len == 8)
			iface->tsoffset_s = (int64_t)get64(ng, opt.value);
	}
}

static int add_interface(struct pcapng *ng, uint32_t len, struct diag *d)
{
	struct interface *iface;
	uint32_t room;

	if (len < 8)
		return damaged(ng, d, "an interface block is too short");
	if (ng->iface_cnt == PCAPNG_INTERFACE_MAX)
		return damaged(ng, d, "a section has too many interfaces");
	if (ng->iface_cnt == ng->iface_room) {
		room = ng->iface_room ? ng->iface_room * 2 : 4;
		iface = realloc(ng->ifaces, room * sizeof(*iface));
		if (!iface)
			return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
		ng->ifaces = iface;
		ng->iface_room = room;
	}
	iface = &ng->ifaces[ng->iface_cnt++];
	iface->link_type = get16(ng, ng->block);
	iface->snaplen = get32(ng, ng->block + 4);
	iface->tsresol = 6;
	iface->tsoffset_s = 0;
	read_options(ng, ng->block + 8, len - 8, iface);
	return 0;
}

/* Ticks to nanoseconds since 1970. What does not fit 64 bits is no time; it becomes the largest. */
static uint64_t to_ns(const struct interface *iface, uint64_t ticks)
{
	uint8_t exp = iface->tsresol & 0x7f;
	__int128 ns, per_s = 1;
	uint8_t i;

	if (iface->tsresol & 0x80) {
		if (exp > 63) /* finer than anything that ticks */
			return 0;
		per_s <<= exp;
	} else {
		if (exp > 19)
			return 0;
		for (i = 0; i < exp; i++)
			per_s *= 10;
	}
	ns = (__int128)ticks * NS_PER_S / per_s + (__int128)iface->tsoffset_s * NS_PER_S;
	if (ns < 0)
		return 0;
	return ns > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* --- blocks ------------------------------------------------------------------------------------ */

static int read_fully(struct pcapng *ng, void *to, size_t len, struct diag *d)
{
	return fread(to, 1, len, ng->in) == len ? 0 : cut_short(ng, d);
}

/* Reads the `len` bytes of a body, and the total length after them. */
static int read_body(struct pcapng *ng, uint32_t len, uint32_t total, struct diag *d)
{
	uint8_t trailer[4], *block;
	int err;

	if (len > ng->block_room) {
		block = realloc(ng->block, len);
		if (!block)
			return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
		ng->block = block;
		ng->block_room = len;
	}
	err = read_fully(ng, ng->block, len, d);
	if (!err)
		err = read_fully(ng, trailer, sizeof(trailer), d);
	if (!err && get32(ng, trailer) != total)
		err = damaged(ng, d, "a block's two lengths differ");
	return err;
}

/* What follows the type of a section header block: its length can only be read when the byte order is
 * known, which comes after it. */
static int read_section(struct pcapng *ng, const uint8_t *length, struct diag *d)
{
	uint8_t fixed[8]; /* byte order, version */
	uint32_t total;
	int err = read_fully(ng, fixed, sizeof(fixed), d);

	if (err)
		return err;
	if (get_le32(fixed) == BYTE_ORDER_MAGIC)
		ng->big_endian = false;
	else if (get_be32(fixed) == BYTE_ORDER_MAGIC)
		ng->big_endian = true;
	else
		return damaged(ng, d, "a section has no byte order");
	if (get16(ng, fixed + 4) != 1 || (get16(ng, fixed + 6) & ~2u) != 0)
		return damaged(ng, d, "a section is of a version other than 1.0 and 1.2");
	total = get32(ng, length);
	if (total < SECTION_MIN || total > PCAPNG_BLOCK_MAX || total % 4)
		return damaged(ng, d, "a section header has an impossible length");
	ng->iface_cnt = 0;
	return read_body(ng, total - BLOCK_OVERHEAD - sizeof(fixed), total, d);
}

/* 1 with the type and the body's length, 0 at the end of the file. Section headers are dealt with. */
static int read_block(struct pcapng *ng, uint32_t *type, uint32_t *len, struct diag *d)
{
	uint8_t head[8];
	uint32_t total;
	size_t got = fread(head, 1, sizeof(head), ng->in);
	int err;

	if (got == 0 && !ferror(ng->in))
		return 0;
	if (got < sizeof(head))
		return cut_short(ng, d);
	*len = 0;
	if (get_be32(head) == BLOCK_SECTION) {
		*type = BLOCK_SECTION;
		err = read_section(ng, head + 4, d);
		return err ? err : 1;
	}
	*type = get32(ng, head);
	total = get32(ng, head + 4);
	if (total < BLOCK_OVERHEAD || total > PCAPNG_BLOCK_MAX)
		return damaged(ng, d, "a block has an impossible length");
	*len = ((total + 3) & ~3u) - BLOCK_OVERHEAD;
	err = read_body(ng, *len, total, d);
	return err ? err : 1;
}

static void find_note(const struct pcapng *ng, const uint8_t *p, uint32_t len, struct frame *out)
{
	struct option opt;

	while (next_option(ng, &p, &len, &opt)) {
		if (opt.code != NOTE_OPTION)
			continue;
		out->note = opt.value;
		out->note_len = opt.len;
		return;
	}
}

static int packet_block(struct pcapng *ng, uint32_t type, uint32_t len, struct frame *out,
			struct diag *d)
{
	const uint8_t *body = ng->block;
	const struct interface *iface;
	uint32_t hdr_len = type == BLOCK_SIMPLE ? 4 : 20, id = 0, cap, wire;

	if (len < hdr_len)
		return damaged(ng, d, "a packet block is too short");
	if (type == BLOCK_ENHANCED)
		id = get32(ng, body);
	else if (type == BLOCK_PACKET)
		id = get16(ng, body);
	if (id >= ng->iface_cnt)
		return damaged(ng, d, "a packet belongs to an interface that was not described");
	iface = &ng->ifaces[id];
	if (type == BLOCK_SIMPLE) {
		wire = get32(ng, body);
		cap = wire < len - hdr_len ? wire : len - hdr_len;
		if (iface->snaplen && cap > iface->snaplen)
			cap = iface->snaplen;
	} else {
		cap = get32(ng, body + 12);
		wire = get32(ng, body + 16);
		ng->time_ns = to_ns(iface,
				    (uint64_t)get32(ng, body + 4) << 32 | get32(ng, body + 8));
	}
	if (cap > len - hdr_len)
		return damaged(ng, d, "a packet is longer than its block");
	*out = (struct frame){
		.number = ++ng->number,
		.time_ns = ng->time_ns,
		.link_type = iface->link_type,
		.cap = cap,
		.len = wire,
		.data = body + hdr_len,
	};
	cap = (cap + 3) & ~3u;
	if (type == BLOCK_ENHANCED && ng->has_session && cap < len - hdr_len)
		find_note(ng, out->data + cap, len - hdr_len - cap, out);
	return 1;
}

/* False: it is not for others. */
static bool take_note(struct pcapng *ng, uint32_t len, struct frame *out)
{
	struct note note;

	if (!note_read(ng->block, len, &note))
		return false;
	if (note.kind == NOTE_SESSION) {
		ng->has_session = true;
		ng->session = note.session;
		return false;
	}
	*out = (struct frame){.is_note = true, .data = ng->block, .cap = len};
	return ng->has_session;
}

static int next_frame(struct pcapng *ng, struct frame *out, struct diag *d)
{
	uint32_t type = 0, len = 0;
	int err;

	while ((err = read_block(ng, &type, &len, d)) > 0) {
		switch (type) {
		case BLOCK_INTERFACE:
			err = add_interface(ng, len, d);
			if (err)
				return err;
			break;
		case BLOCK_PACKET:
		case BLOCK_SIMPLE:
		case BLOCK_ENHANCED:
			return packet_block(ng, type, len, out, d);
		case NOTE_BLOCK_TYPE:
			if (!take_note(ng, len, out))
				break;
			return 1;
		case BLOCK_JOURNAL:
		case BLOCK_SYSDIG_EVENT:
		case BLOCK_SYSDIG_EVENT_FLAGS:
		case BLOCK_SYSDIG_EVENT_2:
		case BLOCK_SYSDIG_EVENT_2_FLAGS:
		case BLOCK_SYSDIG_EVENT_2_LARGE:
		case BLOCK_SYSDIG_EVENT_2_FLAGS_LARGE:
		case BLOCK_CUSTOM:
		case BLOCK_CUSTOM_NO_COPY:
			ng->number++;
			break;
		default:
			break;
		}
	}
	return err;
}

int pcapng_next(struct pcapng *ng, struct frame *out, struct diag *d)
{
	if (!ng->ready)
		return next_frame(ng, out, d);
	ng->ready = false;
	*out = ng->pending;
	return 1;
}

int pcapng_open(FILE *in, const char *name, struct pcapng **out, struct diag *d)
{
	struct pcapng *ng = calloc(1, sizeof(*ng));
	uint8_t head[8];
	int err;

	if (ng)
		ng->name = strdup(name);
	if (!ng || !ng->name) {
		free(ng);
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	}
	ng->in = in;
	err = read_fully(ng, head, sizeof(head), d);
	if (!err && get_be32(head) != BLOCK_SECTION)
		err = diag_set(d, EXIT_RUNTIME, -EINVAL, "%s is neither pcap nor pcapng", name);
	if (!err)
		err = read_section(ng, head + 4, d);
	if (!err)
		err = next_frame(ng, &ng->pending, d);
	if (err < 0) {
		pcapng_close(ng);
		return err;
	}
	ng->ready = err > 0;
	*out = ng;
	return 0;
}

bool pcapng_session(const struct pcapng *ng, struct note_session *out)
{
	*out = ng->session;
	return ng->has_session;
}

bool pcapng_link_type(const struct pcapng *ng, uint32_t n, uint32_t *link_type)
{
	if (n >= ng->iface_cnt)
		return false;
	*link_type = ng->ifaces[n].link_type;
	return true;
}

void pcapng_close(struct pcapng *ng)
{
	if (!ng)
		return;
	free(ng->name);
	free(ng->ifaces);
	free(ng->block);
	free(ng);
}

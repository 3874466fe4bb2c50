// SPDX-License-Identifier: GPL-2.0-only
#include "ipfrag.h"

#include <stdlib.h>
#include <string.h>

#include "../core/bytes.h"

enum {
	PAYLOAD_MAX = 65535,
	/* Room for the header before the payload: IPv4's 60 bytes, or IPv6 with what comes before the
	 * fragment header. Longer ones are not sent: RFC 7112 wants the header chain to be short. */
	HEADER_MAX = 512,
	UNITS = PAYLOAD_MAX / 8 + 1, /* fragment offsets count 8 bytes */
	GROW = 4096,
};

struct key {
	uint8_t version, proto;
	uint8_t src[16], dst[16];
	uint32_t id;
};

/*
 * data holds HEADER_MAX bytes for the header (which ends there), then the payload. A bit of have[] says
 * that a unit of 8 bytes is there; only the datagram's last unit may be shorter.
 */
struct datagram {
	struct key key;
	uint64_t first_ns;
	uint64_t order; /* by arrival of the first fragment */
	uint32_t fragment_cnt;
	uint32_t hdr_len;     /* 0: the first fragment has not come */
	uint32_t payload_len; /* 0: the last one has not come */
	uint32_t end;	      /* of what has come, in bytes of payload */
	uint32_t missing_at;  /* first byte of payload that came but was not captured */
	uint32_t unit_cnt;
	uint32_t room; /* for payload */
	uint8_t have[(UNITS + 7) / 8];
	uint8_t *data;
};

struct ipfrag {
	struct counters *cnt;
	struct datagram *waiting[IPFRAG_DATAGRAMS];
	struct datagram *done; /* what the last *out points into */
	uint64_t order;
};

struct ipfrag *ipfrag_new(struct counters *cnt)
{
	struct ipfrag *fr = calloc(1, sizeof(*fr));

	if (fr)
		fr->cnt = cnt;
	return fr;
}

static void datagram_free(struct datagram *dg)
{
	if (!dg)
		return;
	free(dg->data);
	free(dg);
}

static void give_up(struct ipfrag *fr, struct datagram **slot)
{
	fr->cnt->fragments_lost += (*slot)->fragment_cnt;
	datagram_free(*slot);
	*slot = NULL;
}

/* The slot of the key's datagram; else one that is free or made free, with *found false. */
static struct datagram **find(struct ipfrag *fr, const struct key *key, uint64_t now_ns,
			      bool *found)
{
	struct datagram **slot, **empty = NULL, **oldest = NULL;
	int i;

	*found = false;
	for (i = 0; i < IPFRAG_DATAGRAMS; i++) {
		slot = &fr->waiting[i];
		if (*slot && now_ns > (*slot)->first_ns + IPFRAG_TIMEOUT_NS)
			give_up(fr, slot);
		if (!*slot) {
			empty = slot;
		} else if (memcmp(&(*slot)->key, key, sizeof(*key)) == 0) {
			*found = true;
			return slot;
		} else if (!oldest || (*slot)->order < (*oldest)->order) {
			oldest = slot;
		}
	}
	if (empty)
		return empty;
	give_up(fr, oldest);
	return oldest;
}

static bool make_room(struct datagram *dg, uint32_t end)
{
	uint32_t room = dg->room;
	uint8_t *data;

	if (end <= room && dg->data)
		return true;
	room = (end + GROW - 1) / GROW * GROW;
	if (room < dg->room * 2 && dg->room * 2 <= PAYLOAD_MAX + 1)
		room = dg->room * 2;
	data = realloc(dg->data, HEADER_MAX + (size_t)room);
	if (!data)
		return false;
	dg->data = data;
	dg->room = room;
	return true;
}

/* Copies what has not come before; a unit counts as come also where its bytes were not captured. */
static void take_payload(struct datagram *dg, const uint8_t *payload, uint32_t cap, uint32_t len,
			 uint32_t off)
{
	uint8_t *to = dg->data + HEADER_MAX;
	uint32_t pos, unit, n;

	for (pos = 0; pos < len; pos += 8) {
		unit = (off + pos) / 8;
		if (dg->have[unit / 8] & 1u << unit % 8)
			continue;
		dg->have[unit / 8] |= (uint8_t)(1u << unit % 8);
		dg->unit_cnt++;
		n = len - pos < 8 ? len - pos : 8;
		if (pos + n > cap) {
			if (off + pos < dg->missing_at)
				dg->missing_at = off + pos;
		} else {
			memcpy(to + off + pos, payload + pos, n);
		}
	}
}

/* The header of the fragment with offset 0, with nothing of the fragmentation left in it. */
static void take_header(struct datagram *dg, const uint8_t *pkt, const struct ip_info *info)
{
	uint32_t len = info->version == 4 ? info->hdr_len : info->frag_hdr_off;
	uint8_t *hdr = dg->data + HEADER_MAX - len;
	uint32_t next_at = 6, pos = 40;

	memcpy(hdr, pkt, len);
	dg->hdr_len = len;
	if (info->version == 4) {
		put_be16(hdr + 6, 0);
		return;
	}
	while (pos < len) { /* decode_ip() has been here: it ends at the fragment header */
		uint8_t next = hdr[next_at];

		next_at = pos;
		pos += next == 51 ? (hdr[pos + 1] + 2u) * 4 : 8 + hdr[pos + 1] * 8u;
	}
	hdr[next_at] = info->proto;
}

static bool is_sane(const struct datagram *dg, uint32_t len, const struct ip_info *info)
{
	uint32_t end = info->frag_off + len;
	uint32_t hdr_len = info->version == 4 ? info->hdr_len : info->frag_hdr_off;

	if (len == 0 || len > PAYLOAD_MAX || end > PAYLOAD_MAX || hdr_len > HEADER_MAX)
		return false;
	if (info->frag_more)
		return len % 8 == 0 && (!dg->payload_len || end <= dg->payload_len);
	return end >= dg->end && (!dg->payload_len || end == dg->payload_len);
}

static bool is_complete(const struct datagram *dg)
{
	return dg->hdr_len && dg->payload_len && dg->unit_cnt == (dg->payload_len + 7) / 8;
}

static void finish(struct ipfrag *fr, struct datagram **slot, struct ipfrag_packet *out)
{
	struct datagram *dg = *slot;
	uint8_t *pkt = dg->data + HEADER_MAX - dg->hdr_len;
	uint32_t len = dg->hdr_len + dg->payload_len;
	uint32_t cap = dg->missing_at < dg->payload_len ? dg->hdr_len + dg->missing_at : len;

	/* A length that does not fit becomes 0, which decode_ip() takes for "to the end". */
	if (pkt[0] >> 4 == 4)
		put_be16(pkt + 2, len > 0xffff ? 0 : (uint16_t)len);
	else
		put_be16(pkt + 4, len - 40 > 0xffff ? 0 : (uint16_t)(len - 40));
	out->pkt = pkt;
	out->cap = cap;
	out->len = len;
	datagram_free(fr->done);
	fr->done = dg;
	*slot = NULL;
}

static struct datagram *datagram_new(struct ipfrag *fr, const struct key *key, uint64_t now_ns)
{
	struct datagram *dg = calloc(1, sizeof(*dg));

	if (!dg)
		return NULL;
	dg->key = *key;
	dg->first_ns = now_ns;
	dg->order = fr->order++;
	dg->missing_at = PAYLOAD_MAX + 1;
	return dg;
}

bool ipfrag_push(struct ipfrag *fr, const uint8_t *pkt, uint32_t cap, uint32_t len,
		 const struct ip_info *info, uint64_t now_ns, struct ipfrag_packet *out)
{
	struct datagram **slot, *dg;
	struct key key;
	uint32_t payload_len;
	bool found;

	memset(&key, 0, sizeof(key)); /* compared as bytes, padding too */
	key.version = info->version;
	key.proto = info->version == 4 ? info->proto : 0; /* RFC 8200 does not count it */
	memcpy(key.src, info->src.addr, 16);
	memcpy(key.dst, info->dst.addr, 16);
	key.id = info->frag_id;
	if (len > info->total_len)
		len = info->total_len;
	if (cap > len)
		cap = len;
	payload_len = len - info->hdr_len;

	slot = find(fr, &key, now_ns, &found);
	if (!found)
		*slot = datagram_new(fr, &key, now_ns);
	dg = *slot;
	if (!dg) {
		fr->cnt->fragments_lost++;
		return false;
	}
	if (!is_sane(dg, payload_len, info)) {
		fr->cnt->malformed_packets++;
		fr->cnt->fragments_lost++;
		if (!dg->fragment_cnt)
			give_up(fr, slot);
		return false;
	}
	dg->fragment_cnt++;
	if (!make_room(dg, info->frag_off + payload_len)) {
		give_up(fr, slot);
		return false;
	}
	take_payload(dg, pkt + info->hdr_len, cap - info->hdr_len, payload_len, info->frag_off);
	if (info->frag_off + payload_len > dg->end)
		dg->end = info->frag_off + payload_len;
	if (info->frag_off == 0 && !dg->hdr_len)
		take_header(dg, pkt, info);
	if (!info->frag_more)
		dg->payload_len = info->frag_off + payload_len;
	if (!is_complete(dg))
		return false;
	finish(fr, slot, out);
	return true;
}

void ipfrag_finish(struct ipfrag *fr)
{
	int i;

	for (i = 0; i < IPFRAG_DATAGRAMS; i++) {
		if (fr->waiting[i])
			give_up(fr, &fr->waiting[i]);
	}
}

void ipfrag_free(struct ipfrag *fr)
{
	int i;

	if (!fr)
		return;
	for (i = 0; i < IPFRAG_DATAGRAMS; i++)
		datagram_free(fr->waiting[i]);
	datagram_free(fr->done);
	free(fr);
}

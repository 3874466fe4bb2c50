// SPDX-License-Identifier: GPL-2.0-only
#include "ether.h"

#include "../core/bytes.h"

enum {
	/* An Ethernet type field below 0x600 is a length (IEEE 802.3 §3.2.6). */
	LENGTH_MAX = 1500,
	ETHERTYPE_MIN = 1536,
	ETHER_HDR_LEN = 14,
	TYPE_IPV4 = 0x0800,
	TYPE_TEB = 0x6558, /* transparent Ethernet bridging */
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_PPP = 0x880b,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_JUMBO_LLC = 0x8870,
	TYPE_QINQ = 0x88a8,
	TYPE_MACSEC = 0x88e5,
	TYPE_PBB = 0x88e7,
	TYPE_CMD = 0x8909, /* Cisco metadata */
	TYPE_VNTAG = 0x8926,
	TYPE_ETAG = 0x893f,
	TYPE_NSH = 0x894f,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_QINQ_OLDER = 0x9200,
	TYPE_ARISTA = 0xd28b, /* a timestamp by the switch */
};

/* --- Ethernet and what follows it -------------------------------------------------------------- */

/* What a type field says, be it an EtherType or, from before it was that, a length. */
static enum layer by_type(struct packet *p, uint32_t type)
{
	if (type >= ETHERTYPE_MIN) {
		p->type = type;
		return LAYER_ETHERTYPE;
	}
	if (type > LENGTH_MAX)
		return LAYER_NONE;
	if (p->cap >= 2 && get_be16(p->data) == 0xffff) /* Novell's IPX without LLC */
		return LAYER_NONE;
	packet_trim(p, type);
	return LAYER_LLC;
}

/* Takes off a header of len bytes of which the last two are a type. */
enum layer ether_pull_typed(struct packet *p, uint32_t len)
{
	uint32_t type = p->cap >= len ? get_be16(p->data + len - 2) : 0;
	enum layer next = packet_pull(p, len, LAYER_ETHERTYPE);

	return next == LAYER_ETHERTYPE ? by_type(p, type) : next;
}

/* As above, where the type is no type but always an EtherType. */
enum layer ether_pull_type_at(struct packet *p, uint32_t len, uint32_t type_off)
{
	if (p->cap >= len)
		p->type = get_be16(p->data + type_off);
	return packet_pull(p, len, LAYER_ETHERTYPE);
}

enum layer ether_pppoe(struct packet *p)
{
	if (p->cap < 6)
		return packet_pull(p, 6, LAYER_NONE);
	if (p->data[1] != 0) /* RFC 2516 §4: a session's data has code 0 */
		return LAYER_NONE;
	packet_trim(p, 6u + get_be16(p->data + 4));
	return packet_pull(p, 6, LAYER_PPP);
}

/* IEEE 802.1AE §9.3: readable when neither encrypted nor changed; the check value is at the end. */
static enum layer macsec(struct packet *p)
{
	uint32_t len = 6;

	if (p->cap < 1)
		return packet_pull(p, 1, LAYER_NONE);
	if (p->data[0] & 0x0c)
		return LAYER_NONE;
	if (p->data[0] & 0x20)
		len += 8; /* explicit channel identifier */
	return ether_pull_typed(p, len + 2);
}

/* The low byte of the version says whether the time has 64 or 48 bits. */
static enum layer arista(struct packet *p)
{
	if (p->cap < 4)
		return packet_pull(p, 4, LAYER_NONE);
	if (get_be16(p->data) != 1)
		return LAYER_NONE;
	switch (get_be16(p->data + 2) & 0xff) {
	case 0x10:
		return ether_pull_typed(p, 4 + 8 + 2);
	case 0x20:
		return ether_pull_typed(p, 4 + 6 + 2);
	default:
		return LAYER_NONE;
	}
}

enum layer ether_step_type(struct packet *p)
{
	switch (p->type) {
	case TYPE_IPV4:
	case TYPE_IPV6:
		return LAYER_IP;
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD:
	case TYPE_QINQ_OLDER:
		return ether_pull_typed(p, 4);
	case TYPE_MPLS:
	case TYPE_MPLS_MULTICAST:
		return LAYER_MPLS;
	case TYPE_PPPOE:
		return ether_pppoe(p);
	case TYPE_PPP:
		return LAYER_PPP;
	case TYPE_TEB:
		return LAYER_ETHERNET;
	case TYPE_JUMBO_LLC:
		return LAYER_LLC;
	case TYPE_PBB:
		return packet_pull(p, 4, LAYER_ETHERNET);
	case TYPE_CMD:
		return ether_pull_typed(p, 8);
	case TYPE_VNTAG:
		return ether_pull_typed(p, 6);
	case TYPE_ETAG:
		return ether_pull_typed(p, 8);
	case TYPE_NSH:
		return LAYER_NSH;
	case TYPE_MACSEC:
		return macsec(p);
	case TYPE_ARISTA:
		return arista(p);
	default:
		return LAYER_NONE;
	}
}

/* RFC 1042 §: organisation and type. */
enum layer ether_snap(struct packet *p)
{
	uint32_t oui, type;

	if (p->cap < 5)
		return packet_pull(p, 5, LAYER_NONE);
	oui = get_be32(p->data) >> 8;
	type = get_be16(p->data + 3);
	p->type = type;
	switch (oui) {
	case 0x000000:
	case 0x0000f8: /* as bridges translate (IEEE 802.1H) */
		return packet_pull(p, 5, LAYER_ETHERTYPE);
	case 0x0080c2: /* RFC 2427 §4.2: bridged Ethernet, with and without its check sequence */
		return type == 1 || type == 7 ? packet_pull(p, 5, LAYER_ETHERNET) : LAYER_NONE;
	default:
		return LAYER_NONE;
	}
}

enum layer ether_llc(struct packet *p)
{
	uint32_t len;
	uint8_t dsap, ssap;
	enum layer next;

	if (p->cap < 3)
		return packet_pull(p, 3, LAYER_NONE);
	dsap = p->data[0];
	ssap = p->data[1];
	len = (p->data[2] & 3) == 3 ? 3 : 4; /* unnumbered frames have a short control field */
	if (dsap == 0xaa && ssap == 0xaa) {
		next = packet_pull(p, len, LAYER_LLC);
		return next == LAYER_LLC ? ether_snap(p) : next;
	}
	if (dsap == 0x06 && ssap == 0x06)
		return packet_pull(p, len, LAYER_IP);
	return LAYER_NONE;
}

/* RFC 8300 §2. */
enum layer ether_nsh(struct packet *p)
{
	uint32_t len;

	if (p->cap < 4)
		return packet_pull(p, 4, LAYER_NONE);
	len = (p->data[1] & 0x3fu) * 4;
	if (len < 8)
		return LAYER_MALFORMED;
	switch (p->data[3]) {
	case 1:
	case 2:
		return packet_pull(p, len, LAYER_IP);
	case 3:
		return packet_pull(p, len, LAYER_ETHERNET);
	case 4:
		return packet_pull(p, len, LAYER_NSH);
	case 5:
		return packet_pull(p, len, LAYER_MPLS);
	default:
		return LAYER_NONE;
	}
}

/* --- MPLS -------------------------------------------------------------------------------------- */

static bool looks_like_ip(const struct packet *p)
{
	uint8_t version = p->cap ? p->data[0] >> 4 : 0;

	if (version == 4)
		return p->cap >= 20 && (p->data[0] & 0x0f) >= 5 && get_be16(p->data + 2) >= 20 &&
		       get_be16(p->data + 2) <= p->len;
	return version == 6 && p->cap >= 40 && get_be16(p->data + 4) + 40u <= p->len;
}

static bool looks_like_ethernet(const struct packet *p, uint32_t off)
{
	if (p->cap < off + ETHER_HDR_LEN)
		return false;
	switch (get_be16(p->data + off + 12)) {
	case TYPE_IPV4:
	case TYPE_IPV6:
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_MPLS:
	case TYPE_PPPOE:
		return true;
	default:
		return false;
	}
}

/*
 * Nothing in a label stack says what is under it (RFC 3032 §3): an IP packet shows its version, a
 * pseudowire has Ethernet, after a control word of which the first four bits are 0 (RFC 4448 §4.6) or
 * without one.
 */
enum layer ether_mpls(struct packet *p)
{
	enum layer next = LAYER_MPLS;
	bool bottom = false;

	while (!bottom && next == LAYER_MPLS) {
		bottom = p->cap >= 4 && p->data[2] & 1;
		next = packet_pull(p, 4, LAYER_MPLS);
	}
	if (next != LAYER_MPLS)
		return next;
	if (looks_like_ip(p))
		return LAYER_IP;
	if (p->cap && p->data[0] >> 4 == 0 && looks_like_ethernet(p, 4))
		return packet_pull(p, 4, LAYER_ETHERNET);
	if (looks_like_ethernet(p, 0))
		return LAYER_ETHERNET;
	if (p->cap && (p->data[0] >> 4 == 4 || p->data[0] >> 4 == 6))
		return LAYER_IP; /* cut short, or malformed */
	return LAYER_NONE;
}

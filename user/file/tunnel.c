// SPDX-License-Identifier: GPL-2.0-only
#include "tunnel.h"

#include <stddef.h>

#include <netinet/in.h>

#include "../core/bytes.h"

enum {
	PROTO_ETHERIP = 97,
	PROTO_MPLS = 137,
	PROTO_ETHERNET = 143, /* RFC 8986 §4.9 */

	TYPE_WCCP = 0x883e,
	TYPE_CMD = 0x8909,    /* Cisco metadata; here its EtherType comes first */
	TYPE_ERSPAN = 0x88be, /* types I and II */
	TYPE_ERSPAN3 = 0x22eb,
	TYPE_ARUBA_FIRST = 0x8200,
	TYPE_ARUBA_LAST = 0x8370,
	TYPE_ARUBA_MORE = 0x9000,

	GRE_CHECKSUM = 0x8000, /* RFC 1701, 2784, 2890, 2637 */
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080,
	GRE_VERSION = 0x0007,
};

/* An IP packet, if its first byte says so. */
static enum layer if_ip(struct packet *p, uint32_t hdr_len)
{
	enum layer next = packet_pull(p, hdr_len, LAYER_IP);

	if (next != LAYER_IP || !p->cap)
		return next;
	return p->data[0] >> 4 == 4 || p->data[0] >> 4 == 6 ? LAYER_IP : LAYER_NONE;
}

/* --- GRE --------------------------------------------------------------------------------------- */

/* Type I has no header of its own, and GRE no sequence number then; types II and III start with a
 * version (draft-foschiano-erspan-03). */
static enum layer erspan(struct packet *p, uint32_t type, bool sequence)
{
	uint32_t len = 12;
	uint16_t bits;

	if (type == TYPE_ERSPAN)
		return sequence ? packet_pull(p, 8, LAYER_ETHERNET) : LAYER_ETHERNET;
	if (p->cap < len)
		return packet_pull(p, len, LAYER_NONE);
	bits = get_be16(p->data + 10);
	if (bits & 1)
		len += 8;	     /* platform specific */
	switch (bits >> 10 & 0x1f) { /* frame type */
	case 0:
		return packet_pull(p, len, LAYER_ETHERNET);
	case 2:
		return packet_pull(p, len, LAYER_IP);
	default:
		return LAYER_NONE;
	}
}

static enum layer gre_payload(struct packet *p, uint32_t type, uint16_t flags)
{
	if (type == TYPE_ERSPAN || type == TYPE_ERSPAN3)
		return erspan(p, type, flags & GRE_SEQUENCE);
	if (type == TYPE_WCCP) /* version 2 has a header of four bytes, version 1 has none */
		return if_ip(p, p->cap && p->data[0] >> 4 == 4 ? 0 : 4);
	if ((type >= TYPE_ARUBA_FIRST && type <= TYPE_ARUBA_LAST && type % 16 == 0) ||
	    type == TYPE_ARUBA_MORE)
		return LAYER_WLAN;
	p->type = type;
	if (type == TYPE_CMD && p->cap >= 8) {
		p->type = get_be16(p->data);
		return packet_pull(p, 8, LAYER_ETHERTYPE);
	}
	return LAYER_ETHERTYPE;
}

static enum layer gre(struct packet *p)
{
	uint32_t len = 4, type;
	uint16_t flags;
	enum layer next;

	if (p->cap < 4)
		return packet_pull(p, 4, LAYER_NONE);
	flags = get_be16(p->data);
	type = get_be16(p->data + 2);
	if ((flags & GRE_VERSION) > 1 || flags & GRE_ROUTING)
		return LAYER_NONE;
	len += flags & GRE_CHECKSUM ? 4 : 0;
	len += flags & GRE_KEY ? 4 : 0;
	len += flags & GRE_SEQUENCE ? 4 : 0;
	if ((flags & GRE_VERSION) == 1)
		len += flags & GRE_ACK ? 4 : 0;
	next = packet_pull(p, len, LAYER_ETHERTYPE);
	return next == LAYER_ETHERTYPE ? gre_payload(p, type, flags) : next;
}

/* --- over UDP ---------------------------------------------------------------------------------- */

static enum layer vxlan(struct packet *p)
{
	return packet_pull(p, 8, LAYER_ETHERNET);
}

/* Linux' own port for VXLAN is also used for other things: RFC 7348 §5 says which bits are set. */
static enum layer vxlan_linux(struct packet *p)
{
	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	return p->data[0] == 0x08 && p->data[7] == 0 ? vxlan(p) : LAYER_NONE;
}

static enum layer vxlan_gpe(struct packet *p)
{
	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	switch (p->data[3]) { /* draft-ietf-nvo3-vxlan-gpe §3.2 */
	case 1:
	case 2:
		return packet_pull(p, 8, LAYER_IP);
	case 3:
		return packet_pull(p, 8, LAYER_ETHERNET);
	case 4:
		return packet_pull(p, 8, LAYER_NSH);
	case 5:
		return packet_pull(p, 8, LAYER_MPLS);
	default:
		return LAYER_NONE;
	}
}

/* RFC 8926 §3.4. */
static enum layer geneve(struct packet *p)
{
	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	if (p->data[0] >> 6 != 0)
		return LAYER_NONE;
	p->type = get_be16(p->data + 2);
	return packet_pull(p, 8 + (p->data[0] & 0x3fu) * 4, LAYER_ETHERTYPE);
}

/* 3GPP TS 29.281 §5.1, §5.2. */
static enum layer gtp_u(struct packet *p)
{
	uint8_t flags, ext;
	uint32_t len;
	enum layer next;

	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	flags = p->data[0];
	if (flags >> 4 != 3 || p->data[1] != 0xff) /* version 1, GTP not GTP', a user's packet */
		return LAYER_NONE;
	packet_trim(p, 8u + get_be16(p->data + 2));
	if (!(flags & 0x07))
		return if_ip(p, 8);
	if (p->cap < 12)
		return packet_pull(p, 12, LAYER_NONE);
	ext = flags & 0x04 ? p->data[11] : 0;
	next = packet_pull(p, 12, LAYER_IP);
	while (ext) {
		len = p->cap ? p->data[0] * 4u : 4;
		if (len == 0)
			return LAYER_MALFORMED;
		if (p->cap >= len)
			ext = p->data[len - 1];
		next = packet_pull(p, len, LAYER_IP);
		if (next != LAYER_IP)
			return next;
	}
	return if_ip(p, 0);
}

/* RFC 4380 §5.1.1: authentication and origin may stand before the packet. */
static enum layer teredo(struct packet *p)
{
	enum layer next;

	if (p->cap >= 4 && get_be16(p->data) == 1) {
		next = packet_pull(p, 13u + p->data[2] + p->data[3], LAYER_IP);
		if (next != LAYER_IP)
			return next;
	}
	if (p->cap >= 2 && get_be16(p->data) == 0) {
		next = packet_pull(p, 8, LAYER_IP);
		if (next != LAYER_IP)
			return next;
	}
	return p->cap && p->data[0] >> 4 == 6 ? LAYER_IP : LAYER_NONE;
}

/* draft-massar-v6ops-ayiya-02 §3: identity and signature have lengths, then comes a protocol. */
static enum layer ayiya(struct packet *p)
{
	uint32_t len;

	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	len = 8 + (1u << (p->data[0] >> 4)) + (p->data[1] >> 4) * 4u;
	if ((p->data[2] & 0x0f) != 1) /* forward */
		return LAYER_NONE;
	return if_ip(p, len);
}

/* RFC 2661 §3.1. */
static enum layer l2tp(struct packet *p)
{
	uint32_t len = 6;
	uint16_t flags;

	if (p->cap < 2)
		return packet_pull(p, 2, LAYER_NONE);
	flags = get_be16(p->data);
	if (flags & 0x8000 || (flags & 0x000f) != 2) /* control, or version 3 */
		return LAYER_NONE;
	len += flags & 0x4000 ? 2 : 0; /* length */
	len += flags & 0x0800 ? 4 : 0; /* sequence numbers */
	if (flags & 0x0200) {	       /* offset */
		if (p->cap < len + 2)
			return packet_pull(p, len + 2, LAYER_NONE);
		len += 2u + get_be16(p->data + len);
	}
	return packet_pull(p, len, LAYER_PPP);
}

/* RFC 9300 §5.1. */
static enum layer lisp(struct packet *p)
{
	return if_ip(p, 8);
}

/* Sniffers' way of sending what they see: a header, then tags up to tag 1. */
static enum layer tzsp(struct packet *p)
{
	uint16_t proto;
	uint8_t tag;
	enum layer next;

	if (p->cap < 4)
		return packet_pull(p, 4, LAYER_NONE);
	proto = get_be16(p->data + 2);
	if (p->data[0] != 1 || p->data[1] > 1 || (proto != 1 && proto != 18))
		return LAYER_NONE;
	next = packet_pull(p, 4, LAYER_NONE);
	while (next == LAYER_NONE && p->cap) {
		tag = p->data[0];
		if (tag == 1)
			return packet_pull(p, 1, proto == 1 ? LAYER_ETHERNET : LAYER_WLAN);
		if (tag != 0 && p->cap < 2)
			break;
		next = packet_pull(p, tag == 0 ? 1 : 2u + p->data[1], LAYER_NONE);
	}
	return next == LAYER_NONE ? packet_pull(p, 1, LAYER_NONE) : next;
}

static enum layer mpls(struct packet *p)
{
	return LAYER_MPLS;
}

static const struct udp_tunnel {
	uint16_t port;
	enum layer (*enter)(struct packet *p);
} udp_tunnels[] = {
	{1701, l2tp},	{2152, gtp_u}, {3544, teredo},	    {4341, lisp},
	{4754, gre},	{4789, vxlan}, {4790, vxlan_gpe},   {5072, ayiya},
	{6081, geneve}, {6635, mpls},  {8472, vxlan_linux}, {37008, tzsp},
};

static enum layer udp(struct packet *p)
{
	uint16_t src, dst;
	uint32_t len;
	size_t i;
	enum layer next;

	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	src = get_be16(p->data);
	dst = get_be16(p->data + 2);
	len = get_be16(p->data + 4);
	for (i = 0; i < sizeof(udp_tunnels) / sizeof(udp_tunnels[0]); i++) {
		if (udp_tunnels[i].port != dst && udp_tunnels[i].port != src)
			continue;
		if (len >= 8) /* 0: a super-segment */
			packet_trim(p, len);
		next = packet_pull(p, 8, LAYER_IP);
		return next == LAYER_IP ? udp_tunnels[i].enter(p) : next;
	}
	return LAYER_NONE;
}

static enum layer by_protocol(struct packet *p, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return LAYER_IP;
	case IPPROTO_GRE:
		return gre(p);
	case IPPROTO_UDP:
		return udp(p);
	case PROTO_ETHERIP:
		return packet_pull(p, 2, LAYER_ETHERNET);
	case PROTO_MPLS:
		return LAYER_MPLS;
	case PROTO_ETHERNET:
		return LAYER_ETHERNET;
	default:
		return LAYER_NONE;
	}
}

enum layer tunnel_enter(struct packet *p, const struct ip_info *info)
{
	packet_trim(p, info->total_len);
	p->layer = packet_pull(p, info->hdr_len, LAYER_IP);
	if (p->layer == LAYER_IP)
		p->layer = by_protocol(p, info->proto);
	return p->layer;
}

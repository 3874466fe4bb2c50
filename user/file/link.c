// SPDX-License-Identifier: GPL-2.0-only
#include "link.h"

#include <stddef.h>

#include "../core/bytes.h"
#include "ether.h"
#include "wlan.h"

/* More layers than this are not a packet that anyone sent. */
enum { LAYERS_MAX = 32 };

/* --- serial lines ------------------------------------------------------------------------------ */

static enum layer c_hdlc(struct packet *p)
{
	return ether_pull_type_at(p, 4, 2);
}

/* RFC 1661 §2; address and control, and the protocol's first byte, may be left out. */
static enum layer ppp(struct packet *p)
{
	uint32_t len = 2, type;
	enum layer next;

	if (p->cap >= 2 && get_be16(p->data) == 0xff03)
		(void)packet_pull(p, 2, LAYER_PPP);
	if (p->cap < 2)
		return packet_pull(p, 2, LAYER_NONE);
	type = get_be16(p->data);
	if (p->data[0] & 1) {
		type = p->data[0];
		len = 1;
	}
	next = packet_pull(p, len, LAYER_PPP);
	if (next != LAYER_PPP)
		return next;
	switch (type) {
	case 0x0021:
	case 0x0057:
		return LAYER_IP;
	case 0x0281:
	case 0x0283:
		return LAYER_MPLS;
	default:
		return LAYER_NONE;
	}
}

/* Captures of serial lines call Cisco's framing PPP too; its address byte tells. */
static enum layer ppp_or_hdlc(struct packet *p)
{
	if (p->cap && (p->data[0] == 0x0f || p->data[0] == 0x8f))
		return c_hdlc(p);
	return LAYER_PPP;
}

/* RFC 2427: Q.922 address, control, NLPID; or Cisco's address and EtherType. */
static enum layer frame_relay(struct packet *p)
{
	uint32_t len = 0;
	uint8_t nlpid;
	enum layer next;

	while (len < p->cap && len < 4 && !(p->data[len] & 1))
		len++;
	next = packet_pull(p, len + 1, LAYER_LLC);
	if (next != LAYER_LLC)
		return next;
	if (p->cap < 2)
		return packet_pull(p, 2, LAYER_NONE);
	if (p->data[0] != 0x03) {
		p->type = get_be16(p->data);
		return packet_pull(p, 2, LAYER_ETHERTYPE);
	}
	len = p->data[1] == 0 ? 3 : 2; /* a zero aligns what follows */
	if (p->cap < len)
		return packet_pull(p, len, LAYER_NONE);
	nlpid = p->data[len - 1];
	next = packet_pull(p, len, LAYER_IP);
	if (next == LAYER_IP && nlpid == 0x80)
		return ether_snap(p);
	return next != LAYER_IP || nlpid == 0xcc || nlpid == 0x8e ? next : LAYER_NONE;
}

/* --- what only captures have ------------------------------------------------------------------- */

/* An address family in the byte order of the host that captured, or of the network. */
static enum layer by_family(struct packet *p, uint32_t hdr_len)
{
	uint32_t family;

	if (p->cap < 4)
		return packet_pull(p, 4, LAYER_NONE);
	family = get_le32(p->data);
	if (family > 0xffff)
		family = get_be32(p->data);
	switch (family) {
	case 2:
	case 10: /* IPv6: Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return packet_pull(p, hdr_len, LAYER_IP);
	default: /* some write an EtherType there */
		return get_be16(p->data + 2) >= 0x600 ? ether_pull_type_at(p, hdr_len, 2)
						      : LAYER_NONE;
	}
}

enum {
	ARPHRD_FRELAY = 770,
	ARPHRD_GRE = 778,
	ARPHRD_WLAN = 801,
	ARPHRD_RADIOTAP = 803,
	ARPHRD_NETLINK = 824,
	SLL_8023 = 1,
	SLL_ETHERNET = 3,
	SLL_8022 = 4,
	SLL_PPP = 7,
};

/* The cooked headers differ in where things stand. */
static enum layer linux_cooked(struct packet *p, uint32_t hdr_len, uint32_t type_off,
			       uint32_t arphrd_off)
{
	uint16_t arphrd;

	if (p->cap < hdr_len)
		return packet_pull(p, hdr_len, LAYER_NONE);
	p->type = get_be16(p->data + type_off);
	arphrd = get_be16(p->data + arphrd_off);
	if (arphrd == ARPHRD_RADIOTAP || arphrd == ARPHRD_WLAN) {
		p->type = arphrd == ARPHRD_RADIOTAP ? 127 : 105;
		return packet_pull(p, hdr_len, LAYER_LINK);
	}
	if (arphrd == ARPHRD_NETLINK || p->type == SLL_8023)
		return LAYER_NONE;
	if (arphrd == ARPHRD_FRELAY) {
		p->type = 107;
		return packet_pull(p, hdr_len, LAYER_LINK);
	}
	switch (p->type) {
	case SLL_ETHERNET:
		return packet_pull(p, hdr_len, LAYER_ETHERNET);
	case SLL_8022:
		return packet_pull(p, hdr_len, LAYER_LLC);
	case SLL_PPP:
		return packet_pull(p, hdr_len, LAYER_PPP);
	default:
		return packet_pull(p, hdr_len, LAYER_ETHERTYPE);
	}
}

/* Attributes as in netlink, in the byte order of the host that captured; number 9 is the packet. */
static enum layer nflog(struct packet *p)
{
	enum layer next = packet_pull(p, 4, LAYER_LINK);
	uint32_t len, type;

	while (next == LAYER_LINK) {
		if (p->cap < 4)
			return packet_pull(p, 4, LAYER_NONE);
		len = get_le16(p->data);
		type = get_le16(p->data + 2);
		if (type > 0xff) {
			len = get_be16(p->data);
			type = get_be16(p->data + 2);
		}
		if (len < 4)
			return LAYER_MALFORMED;
		if (type == 9) {
			packet_trim(p, len);
			return packet_pull(p, 4, LAYER_IP);
		}
		next = packet_pull(p, (len + 3) & ~3u, LAYER_LINK);
	}
	return next;
}

/* RFC 1201 has a fragment header, RFC 1051 has not. Linux keeps two bytes of its own. */
static enum layer arcnet(struct packet *p, uint32_t type_off)
{
	if (p->cap <= type_off)
		return packet_pull(p, type_off + 1, LAYER_NONE);
	switch (p->data[type_off]) {
	case 212: /* IPv4 */
	case 196: /* IPv6 */
		return packet_pull(p, type_off + 4, LAYER_IP);
	case 240: /* IPv4 (RFC 1051) */
		return packet_pull(p, type_off + 1, LAYER_IP);
	default:
		return LAYER_NONE;
	}
}

static enum layer pktap(struct packet *p)
{
	uint32_t len;

	if (p->cap < 12)
		return packet_pull(p, 12, LAYER_NONE);
	len = get_le32(p->data);
	p->type = get_le32(p->data + 8);
	return len < 12 ? LAYER_MALFORMED : packet_pull(p, len, LAYER_LINK);
}

/* Magic, flags (0x80: extensions, their length first; 0x02: no link layer), then that of the interface. */
static enum layer juniper(struct packet *p)
{
	uint32_t len = 4;

	if (p->cap < 6)
		return packet_pull(p, 6, LAYER_NONE);
	if (get_be32(p->data) >> 8 != 0x4d4743)
		return LAYER_MALFORMED;
	if (p->data[3] & 0x02)
		return LAYER_NONE;
	if (p->data[3] & 0x80)
		len += 2u + get_be16(p->data + 4);
	return packet_pull(p, len, LAYER_LINK);
}

/* Its header is filled up to a multiple of four. */
static enum layer pflog(struct packet *p)
{
	if (p->cap < 1)
		return packet_pull(p, 1, LAYER_NONE);
	return packet_pull(p, (p->data[0] + 3u) & ~3u, LAYER_IP);
}

/* IEEE 802.5: with the top bit of the source address a route follows, which has its length. */
static enum layer token_ring(struct packet *p)
{
	uint32_t len = 14;

	if (p->cap < 15)
		return packet_pull(p, 15, LAYER_NONE);
	if ((p->data[1] & 0xc0) != 0x40)
		return LAYER_NONE;
	if (p->data[8] & 0x80)
		len += p->data[14] & 0x1f;
	return packet_pull(p, len, LAYER_LLC);
}

static enum layer fddi(struct packet *p)
{
	if (p->cap < 1)
		return packet_pull(p, 1, LAYER_NONE);
	return (p->data[0] & 0xf0) == 0x50 ? packet_pull(p, 13, LAYER_LLC) : LAYER_NONE;
}

static enum layer sunatm(struct packet *p)
{
	if (p->cap < 1)
		return packet_pull(p, 1, LAYER_NONE);
	switch (p->data[0] & 0x0f) {
	case 1: /* LAN emulation has two bytes of its own */
		return packet_pull(p, 6, LAYER_ETHERNET);
	case 2:
		return packet_pull(p, 4, LAYER_LLC);
	default:
		return LAYER_NONE;
	}
}

/* Endace: 16 bytes, then extension headers of 8 as long as the top bit says that there is another. */
static enum layer endace(struct packet *p)
{
	enum layer next = LAYER_LINK;
	uint8_t type;
	bool more;

	if (p->cap < 16)
		return packet_pull(p, 16, LAYER_NONE);
	type = p->data[8] & 0x7f;
	more = p->data[8] & 0x80;
	next = packet_pull(p, 16, LAYER_LINK);
	while (more && next == LAYER_LINK) {
		more = p->cap && p->data[0] & 0x80;
		next = packet_pull(p, 8, LAYER_LINK);
	}
	if (next != LAYER_LINK)
		return next;
	switch (type) {
	case 2:
	case 11:
	case 16:
	case 20: /* Ethernet in its variants, after an offset and a pad */
		return packet_pull(p, 2, LAYER_ETHERNET);
	case 22:
	case 23:
		return LAYER_IP;
	default:
		return LAYER_NONE;
	}
}

static enum layer slip(struct packet *p)
{
	enum layer next = packet_pull(p, 16, LAYER_IP);

	/* what was compressed (RFC 1144) is no IP packet */
	return next == LAYER_IP && p->cap && p->data[0] & 0x80 ? LAYER_NONE : next;
}

static enum layer ipoib(struct packet *p)
{
	return ether_pull_type_at(p, 44, 40);
}

static enum layer null(struct packet *p)
{
	return by_family(p, 4);
}

static enum layer enc(struct packet *p)
{
	return by_family(p, 12);
}

static enum layer sll(struct packet *p)
{
	return linux_cooked(p, 16, 14, 2);
}

static enum layer sll2(struct packet *p)
{
	return linux_cooked(p, 20, 0, 8);
}

static enum layer arcnet_bsd(struct packet *p)
{
	return arcnet(p, 2);
}

static enum layer arcnet_linux(struct packet *p)
{
	return arcnet(p, 4);
}

/*
 * Most link types are a header of fixed length: `skip` bytes, then `next`. Where next is
 * LAYER_ETHERTYPE, the last two of them are the type; where it is LAYER_LINK, `inner` is the link type of
 * the rest. The others have a step of their own.
 *
 * The number is that in the file, which is also DLT_ on Linux unless an entry says otherwise:
 * https://www.tcpdump.org/linktypes.html
 */
static const struct link_type {
	uint32_t type;
	enum layer (*step)(struct packet *p);
	uint32_t skip;
	enum layer next;
	uint32_t inner;
} link_types[] = {
#define STEP(number, function)                                                                     \
	{                                                                                          \
		.type = number, .step = function                                                   \
	}
#define SKIP(number, bytes, layer)                                                                 \
	{                                                                                          \
		.type = number, .skip = bytes, .next = layer                                       \
	}
	STEP(0, null),
	SKIP(1, 14, LAYER_ETHERTYPE),
	STEP(6, token_ring),
	STEP(7, arcnet_bsd),
	STEP(8, slip),
	STEP(9, ppp_or_hdlc),
	STEP(10, fddi),
	SKIP(11, 0, LAYER_LLC), /* DLT_ATM_RFC1483 */
	SKIP(12, 0, LAYER_IP),	/* DLT_RAW */
	SKIP(14, 0, LAYER_IP),
	STEP(50, ppp_or_hdlc),
	STEP(51, ether_pppoe),
	SKIP(100, 0, LAYER_LLC),
	SKIP(101, 0, LAYER_IP),
	STEP(104, c_hdlc),
	SKIP(105, 0, LAYER_WLAN),
	STEP(107, frame_relay),
	STEP(108, null),
	STEP(109, enc),
	STEP(113, sll),
	STEP(117, pflog),
	STEP(119, wlan_prism),
	SKIP(122, 16, LAYER_LLC), /* IP over Fibre Channel */
	STEP(123, sunatm),
	STEP(127, wlan_radiotap),
	STEP(129, arcnet_linux),
	SKIP(138, 18, LAYER_ETHERTYPE), /* Apple's IP over IEEE 1394 */
	STEP(163, wlan_avs),
	SKIP(166, 2, LAYER_PPP), /* pppd: a direction stands for the address */
	{.type = 178, .step = juniper, .inner = 1},
	{.type = 179, .step = juniper, .inner = 9},
	{.type = 180, .step = juniper, .inner = 107},
	{.type = 181, .step = juniper, .inner = 104},
	STEP(192, wlan_ppi),
	STEP(197, endace),
	SKIP(204, 1, LAYER_PPP), /* these three: a direction, then ... */
	{.type = 205, .skip = 1, .next = LAYER_LINK, .inner = 104},
	{.type = 206, .skip = 1, .next = LAYER_LINK, .inner = 107},
	SKIP(226, 24, LAYER_IP), /* Solaris ipnet */
	SKIP(228, 0, LAYER_IP),
	SKIP(229, 0, LAYER_IP),
	STEP(239, nflog),
	SKIP(240, 4, LAYER_ETHERNET),  /* netANALYZER */
	SKIP(241, 12, LAYER_ETHERNET), /* with a preamble */
	STEP(242, ipoib),
	STEP(258, pktap),
	SKIP(259, 8, LAYER_ETHERNET), /* EPON: the preamble */
	SKIP(274, 8, LAYER_ETHERNET), /* IEEE 802.3br: likewise */
	STEP(276, sll2),
	/* switches' tags: Broadcom's, before and after the addresses, and Marvell's */
	SKIP(281, 18, LAYER_ETHERTYPE),
	SKIP(282, 4, LAYER_ETHERNET),
	SKIP(284, 18, LAYER_ETHERTYPE),
	SKIP(285, 22, LAYER_ETHERTYPE),
#undef STEP
#undef SKIP
};

static const struct link_type *find_link_type(uint32_t type)
{
	size_t i;

	for (i = 0; i < sizeof(link_types) / sizeof(link_types[0]); i++) {
		if (link_types[i].type == type)
			return &link_types[i];
	}
	return NULL;
}

bool link_known(uint32_t link_type)
{
	return find_link_type(link_type);
}

static enum layer link_layer(struct packet *p)
{
	const struct link_type *link = find_link_type(p->type);

	if (!link)
		return LAYER_UNKNOWN;
	p->type = link->inner;
	if (link->step)
		return link->step(p);
	if (link->next == LAYER_ETHERTYPE)
		return ether_pull_typed(p, link->skip);
	return packet_pull(p, link->skip, link->next);
}

static enum layer step(struct packet *p)
{
	switch (p->layer) {
	case LAYER_LINK:
		return link_layer(p);
	case LAYER_ETHERTYPE:
		return ether_step_type(p);
	case LAYER_ETHERNET:
		return ether_pull_typed(p, 14);
	case LAYER_LLC:
		return ether_llc(p);
	case LAYER_MPLS:
		return ether_mpls(p);
	case LAYER_PPP:
		return ppp(p);
	case LAYER_NSH:
		return ether_nsh(p);
	case LAYER_WLAN:
		return wlan_step(p, false);
	default:
		return LAYER_NONE;
	}
}

enum layer link_to_ip(struct packet *p)
{
	int n;

	if (p->cap > p->len)
		p->cap = p->len;
	for (n = 0; n < LAYERS_MAX && p->layer >= LAYER_LINK; n++)
		p->layer = step(p);
	if (p->layer >= LAYER_LINK)
		p->layer = LAYER_NONE;
	return p->layer;
}

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
		return get_be16(p->data + 2) >= 0x600 ? ether_pull_type_at(p, hdr_len, 2) :
							LAYER_NONE;
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
static enum layer juniper(struct packet *p, enum layer (*step)(struct packet *p))
{
	uint32_t len = 4;
	enum layer next;

	if (p->cap < 6)
		return packet_pull(p, 6, LAYER_NONE);
	if (get_be32(p->data) >> 8 != 0x4d4743)
		return LAYER_MALFORMED;
	if (p->data[3] & 0x02)
		return LAYER_NONE;
	if (p->data[3] & 0x80)
		len += 2u + get_be16(p->data + 4);
	next = packet_pull(p, len, LAYER_LINK);
	return next == LAYER_LINK ? step(p) : next;
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

static enum layer pull_2(struct packet *p) { return packet_pull(p, 2, LAYER_PPP); }
static enum layer dir_ppp(struct packet *p) { return packet_pull(p, 1, LAYER_PPP); }

static enum layer dir_hdlc(struct packet *p)
{
	enum layer next = packet_pull(p, 1, LAYER_LINK);

	return next == LAYER_LINK ? c_hdlc(p) : next;
}

static enum layer dir_frame_relay(struct packet *p)
{
	enum layer next = packet_pull(p, 1, LAYER_LINK);

	return next == LAYER_LINK ? frame_relay(p) : next;
}

static enum layer ip(struct packet *p) { return LAYER_IP; }
static enum layer ethernet(struct packet *p) { return ether_pull_typed(p, 14); }
static enum layer only_llc(struct packet *p) { return LAYER_LLC; }
static enum layer only_wlan(struct packet *p) { return LAYER_WLAN; }
static enum layer null(struct packet *p) { return by_family(p, 4); }
static enum layer enc(struct packet *p) { return by_family(p, 12); }
static enum layer sll(struct packet *p) { return linux_cooked(p, 16, 14, 2); }
static enum layer sll2(struct packet *p) { return linux_cooked(p, 20, 0, 8); }
static enum layer arcnet_bsd(struct packet *p) { return arcnet(p, 2); }
static enum layer arcnet_linux(struct packet *p) { return arcnet(p, 4); }
static enum layer ip_over_fc(struct packet *p) { return packet_pull(p, 16, LAYER_LLC); }
static enum layer ip_over_1394(struct packet *p) { return ether_pull_type_at(p, 18, 16); }
static enum layer netanalyzer(struct packet *p) { return packet_pull(p, 4, LAYER_ETHERNET); }
static enum layer ipoib(struct packet *p) { return ether_pull_type_at(p, 44, 40); }
static enum layer brcm_tag(struct packet *p) { return ether_pull_typed(p, 18); }
static enum layer brcm_prepend(struct packet *p) { return packet_pull(p, 4, LAYER_ETHERNET); }
static enum layer preamble(struct packet *p) { return packet_pull(p, 8, LAYER_ETHERNET); }
static enum layer transparent(struct packet *p) { return packet_pull(p, 12, LAYER_ETHERNET); }
static enum layer ipnet(struct packet *p) { return packet_pull(p, 24, LAYER_IP); }
static enum layer juniper_ethernet(struct packet *p) { return juniper(p, ethernet); }
static enum layer juniper_ppp(struct packet *p) { return juniper(p, ppp_or_hdlc); }
static enum layer juniper_relay(struct packet *p) { return juniper(p, frame_relay); }
static enum layer juniper_hdlc(struct packet *p) { return juniper(p, c_hdlc); }
static enum layer edsa(struct packet *p) { return ether_pull_typed(p, 22); }

/* The number in the file, which is also DLT_ on Linux unless a second entry says otherwise:
 * https://www.tcpdump.org/linktypes.html */
static const struct link_type {
	uint32_t type;
	enum layer (*step)(struct packet *p);
} link_types[] = {
	{ 0, null },
	{ 1, ethernet },
	{ 6, token_ring },
	{ 7, arcnet_bsd },
	{ 8, slip },
	{ 9, ppp_or_hdlc },
	{ 10, fddi },
	{ 11, only_llc }, /* DLT_ATM_RFC1483 */
	{ 12, ip },	  /* DLT_RAW */
	{ 14, ip },
	{ 50, ppp_or_hdlc },
	{ 51, ether_pppoe },
	{ 100, only_llc },
	{ 101, ip },
	{ 104, c_hdlc },
	{ 105, only_wlan },
	{ 107, frame_relay },
	{ 108, null },
	{ 109, enc },
	{ 113, sll },
	{ 117, pflog },
	{ 119, wlan_prism },
	{ 122, ip_over_fc },
	{ 123, sunatm },
	{ 127, wlan_radiotap },
	{ 129, arcnet_linux },
	{ 138, ip_over_1394 },
	{ 163, wlan_avs },
	{ 166, pull_2 }, /* PPP_PPPD: a direction stands for the address */
	{ 178, juniper_ethernet },
	{ 179, juniper_ppp },
	{ 180, juniper_relay },
	{ 181, juniper_hdlc },
	{ 192, wlan_ppi },
	{ 197, endace },
	{ 204, dir_ppp },
	{ 205, dir_hdlc },
	{ 206, dir_frame_relay },
	{ 226, ipnet },
	{ 228, ip },
	{ 229, ip },
	{ 239, nflog },
	{ 240, netanalyzer },
	{ 241, transparent },
	{ 242, ipoib },
	{ 258, pktap },
	{ 259, preamble }, /* EPON */
	{ 274, preamble },
	{ 276, sll2 },
	{ 281, brcm_tag },
	{ 282, brcm_prepend },
	{ 284, brcm_tag }, /* DSA: a tag of four bytes, too */
	{ 285, edsa },
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

static enum layer step(struct packet *p)
{
	const struct link_type *link;

	switch (p->layer) {
	case LAYER_LINK:
		link = find_link_type(p->type);
		return link ? link->step(p) : LAYER_UNKNOWN;
	case LAYER_ETHERTYPE:
		return ether_step_type(p);
	case LAYER_ETHERNET:
		return ethernet(p);
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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * link.h - from a captured frame to its IP packet: takes one layer after the other off the front.
 *
 *	frame ─ cooked, radiotap, PPP, Ethernet ... ─ VLAN, PPPoE, MPLS, LLC/SNAP, NSH ... ─ IP
 *
 * Each layer names the next, and a loop with a fixed bound goes from one to the next, so that no
 * packet, however made, costs stack or more than a bounded time. What Wireshark would follow without
 * being told is followed here.
 */
#ifndef HTTPLAT_LINK_H
#define HTTPLAT_LINK_H

#include <stdbool.h>
#include <stdint.h>

enum layer {
	LAYER_NONE = 0, /* carries no IP, as far as we know */
	/* where the walk ends */
	LAYER_IP,
	LAYER_TRUNCATED, /* the capture ends inside a header */
	LAYER_MALFORMED, /* the packet does */
	LAYER_UNKNOWN,	 /* a link type that is not understood */
	/* on the way */
	LAYER_LINK,	 /* type is the link type */
	LAYER_ETHERTYPE, /* type is the EtherType of what follows */
	LAYER_ETHERNET,
	LAYER_LLC,
	LAYER_MPLS,
	LAYER_PPP,
	LAYER_NSH,
	LAYER_WLAN, /* IEEE 802.11 */
};

/* What is left of a packet. cap <= len. */
struct packet {
	const uint8_t *data;
	uint32_t cap;	  /* captured */
	uint32_t len;	  /* on the wire */
	enum layer layer; /* of what data points to */
	uint32_t type;
};

/* Whether a link type (LINKTYPE_ or DLT_ value of pcap) is understood. */
bool link_known(uint32_t link_type);

/* Takes layers off until p->layer is one of those where the walk ends, and returns it. */
enum layer link_to_ip(struct packet *p);

/* Takes n bytes off; returns `next`, or LAYER_TRUNCATED or LAYER_MALFORMED when there are not as many. */
static inline enum layer packet_pull(struct packet *p, uint32_t n, enum layer next)
{
	if (n > p->cap)
		return n > p->len ? LAYER_MALFORMED : LAYER_TRUNCATED;
	p->data += n;
	p->cap -= n;
	p->len -= n;
	return next;
}

/* A length field says that no more than len bytes belong to the packet; the rest is padding. */
static inline void packet_trim(struct packet *p, uint32_t len)
{
	if (len < p->len)
		p->len = len;
	if (p->len < p->cap)
		p->cap = p->len;
}

#endif

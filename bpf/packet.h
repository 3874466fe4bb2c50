/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h - where the TCP header and the payload of a packet lie, and whether the payload begins
 * an HTTP message.
 *
 * Everything is read with bpf_skb_load_bytes at explicit offsets: linear data may be short, and
 * the same code serves every hook whatever skb->data points at. Only UAPI headers are needed, so
 * that the programs load on a kernel without BTF.
 */
#ifndef HTTPLAT_PACKET_H
#define HTTPLAT_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

enum parse_result {
	PARSE_TCP = 0,
	PARSE_OTHER,	 /* not TCP over IP */
	PARSE_FRAGMENT,	 /* of a TCP packet: the first one too, its payload is only a part */
	PARSE_MALFORMED, /* a header ends before it should */
};

#define VLAN_TAGS_MAX	   3
#define IPV6_EXT_MAX	   8
#define IPV6_EXT_BYTES_MAX 2048

#define TCP_F_FIN 0x01
#define TCP_F_SYN 0x02
#define TCP_F_RST 0x04
#define TCP_F_ACK 0x10
#define TCP_F_URG 0x20

/*
 * A number whose value the verifier forgets. It follows each path with what it knows of every
 * number, and two paths that differ are both followed to the program's end: that would be millions
 * of instructions here. A store into the upper half of a stack slot is not followed (neither in
 * 5.10 nor later, where whole slots and lower halves are), so what is read back may be anything,
 * on every path.
 */
struct forgotten {
	__u32 unused;
	volatile __u32 v;
} __attribute__((aligned(8)));

/* Always 0, which the verifier does not know: a stored constant is followed, an unknown is not. */
volatile __u32 forgotten_zero;

struct packet {
	__u32 saddr[4]; /* network order; IPv4 as ::ffff:a.b.c.d */
	__u32 daddr[4];
	__u32 l3_off;		/* of the IP header in the skb */
	volatile __u32 pkt_len; /* from the IP header to the end of the IP packet */
	__u32 seq;
	volatile __u32 hdr_len;	    /* IP and TCP headers */
	__u16 sport, dport;	    /* host order */
	volatile __u32 payload_len; /* the volatile ones are forgotten, as above: in upper halves */
	__u16 tcp_flags;
	__u16 window; /* as in the header, unscaled */
	volatile __u16 version;
	volatile __u16 tcp_off; /* from the IP header */
	__u32 ack;
	__u32 unused;
} __attribute__((aligned(8)));

#define IS_FORGOTTEN(member) (__builtin_offsetof(struct packet, member) % 8 >= 4)
_Static_assert(IS_FORGOTTEN(pkt_len) && IS_FORGOTTEN(hdr_len) && IS_FORGOTTEN(payload_len) &&
		       IS_FORGOTTEN(version) && IS_FORGOTTEN(tcp_off),
	       "the verifier would follow it");

struct tcp_head {
	__be16 source, dest;
	__be32 seq, ack_seq;
	__u8 doff; /* in the upper four bits */
	__u8 flags;
	__be16 window;
	__be16 check, urg_ptr;
};

struct vlan_tag {
	__be16 tci;
	__be16 proto; /* of what follows */
};

static __always_inline bool proto_is_vlan(__u16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/*
 * Skips VLAN tags that lie in the packet (the outermost one is usually in the skb's metadata and
 * not here). *off is where the first of them, or the IP header, begins.
 */
static __always_inline enum parse_result skip_vlan(struct __sk_buff *skb, __u32 *off)
{
	__u16 proto = skb->protocol;
	struct vlan_tag tag;

	for (int i = 0; i < VLAN_TAGS_MAX && proto_is_vlan(proto); i++) {
		if (bpf_skb_load_bytes(skb, *off, &tag, sizeof(tag)))
			return PARSE_MALFORMED;
		proto = tag.proto;
		*off += sizeof(tag);
	}
	return PARSE_TCP;
}

/* Volatile: the compiler would join these stores with others behind a branch, on the other side of
 * which the registers hold nothing. */
static __always_inline void put_ipv4(volatile __u32 *to, __be32 addr)
{
	to[0] = forgotten_zero;
	to[1] = forgotten_zero;
	to[2] = bpf_htonl(0xffff);
	to[3] = addr;
}

static __always_inline enum parse_result parse_ipv4(const struct iphdr *ip, struct packet *p,
						    __u32 avail)
{
	__u32 len;

	put_ipv4(p->saddr, ip->saddr);
	put_ipv4(p->daddr, ip->daddr);
	if (ip->protocol != IPPROTO_TCP)
		return PARSE_OTHER;
	if (ip->ihl < 5)
		return PARSE_MALFORMED;
	if (ip->frag_off & bpf_htons(0x3fff)) /* more fragments, or an offset */
		return PARSE_FRAGMENT;
	/* 0 in a super-segment over 64 KB (BIG TCP): the skb's length is the packet's. */
	len = bpf_ntohs(ip->tot_len);
	p->pkt_len = len && len <= avail ? len : avail;
	p->tcp_off = ip->ihl * 4;
	return PARSE_TCP;
}

struct ipv6_ext {
	__u8 nexthdr;
	__u8 len;
	__be16 frag_off; /* in a fragment header */
};

static __always_inline enum parse_result parse_ipv6(struct __sk_buff *skb, struct packet *p,
						    __u32 avail)
{
	struct forgotten off = {.v = sizeof(struct ipv6hdr)}, next;
	struct ipv6hdr ip;
	struct ipv6_ext ext;
	__u32 len;

	if (bpf_skb_load_bytes(skb, p->l3_off, &ip, sizeof(ip)))
		return PARSE_MALFORMED;
	__builtin_memcpy(p->saddr, &ip.saddr, 16);
	__builtin_memcpy(p->daddr, &ip.daddr, 16);
	/* 0 with a jumbo option, and in a super-segment on its way through the stack. */
	len = bpf_ntohs(ip.payload_len);
	p->pkt_len = len && len + sizeof(ip) <= avail ? len + sizeof(ip) : avail;
	next.v = ip.nexthdr;
	for (int i = 0; i < IPV6_EXT_MAX && next.v != IPPROTO_TCP; i++) {
		__u32 kind = next.v;

		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS &&
		    kind != IPPROTO_FRAGMENT)
			return PARSE_OTHER;
		if (off.v > IPV6_EXT_BYTES_MAX ||
		    bpf_skb_load_bytes(skb, p->l3_off + off.v, &ext, sizeof(ext)))
			return PARSE_MALFORMED;
		next.v = ext.nexthdr;
		if (kind == IPPROTO_FRAGMENT) {
			/* What follows a later fragment's header is not a header, so the chain
			 * cannot tell whether this is TCP beyond what the fragment header says. */
			if (ext.frag_off & bpf_htons(0xfff9))
				return ext.nexthdr == IPPROTO_TCP ? PARSE_FRAGMENT : PARSE_OTHER;
			ext.len = 0;
		}
		off.v += 8 + ext.len * 8;
	}
	if (next.v != IPPROTO_TCP)
		return PARSE_OTHER;
	p->tcp_off = off.v;
	return PARSE_TCP;
}

/* Less than an IP header. */
static __always_inline enum parse_result parse_short(struct __sk_buff *skb, __u32 l3_off)
{
	__u8 first = 0;

	bpf_skb_load_bytes(skb, l3_off, &first, 1);
	return first >> 4 == 4 || first >> 4 == 6 ? PARSE_MALFORMED : PARSE_OTHER;
}

/* l3_off: where the IP header begins if there are no VLAN tags. *p is valid with PARSE_TCP only. */
static __always_inline enum parse_result parse_packet(struct __sk_buff *skb, __u32 l3_off,
						      struct packet *p)
{
	struct tcp_head tcp;
	enum parse_result result;
	struct iphdr ip; /* IPv6's header is longer */
	__u32 avail;

	if (bpf_skb_load_bytes(skb, l3_off, &ip, sizeof(ip)))
		return parse_short(skb, l3_off);
	p->l3_off = l3_off;
	avail = skb->len - l3_off;
	p->version = ip.version;
	if (p->version == 4)
		result = parse_ipv4(&ip, p, avail);
	else if (p->version == 6)
		result = parse_ipv6(skb, p, avail);
	else
		return PARSE_OTHER;
	if (result != PARSE_TCP)
		return result;

	if (bpf_skb_load_bytes(skb, l3_off + p->tcp_off, &tcp, sizeof(tcp)))
		return PARSE_MALFORMED;
	p->hdr_len = p->tcp_off + (tcp.doff >> 4) * 4;
	if (tcp.doff < 5 << 4 || p->hdr_len > p->pkt_len)
		return PARSE_MALFORMED;
	p->payload_len = p->pkt_len - p->hdr_len;
	p->seq = bpf_ntohl(tcp.seq);
	p->ack = bpf_ntohl(tcp.ack_seq);
	p->window = bpf_ntohs(tcp.window);
	p->sport = bpf_ntohs(tcp.source);
	p->dport = bpf_ntohs(tcp.dest);
	p->tcp_flags = tcp.flags;
	return PARSE_TCP;
}

enum look {
	LOOK_OTHER = 0,
	LOOK_PREFIX,   /* shorter than what would tell, but so far it could be HTTP */
	LOOK_REQUEST,  /* a method and a space (its first eight bytes, if it is longer) */
	LOOK_RESPONSE, /* HTTP/1. */
};

#define WORD(a, b, c, d, e, f, g, h)                                                               \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* The methods that llhttp knows, each with the space that ends it where eight bytes hold it. Zero
 * bytes at the end are not compared. In the order of the traffic that they make. */
static const __u64 message_starts[] = {
	WORD('H', 'T', 'T', 'P', '/', '1', '.', 0),   WORD('G', 'E', 'T', ' ', 0, 0, 0, 0),
	WORD('P', 'O', 'S', 'T', ' ', 0, 0, 0),	      WORD('P', 'U', 'T', ' ', 0, 0, 0, 0),
	WORD('H', 'E', 'A', 'D', ' ', 0, 0, 0),	      WORD('D', 'E', 'L', 'E', 'T', 'E', ' ', 0),
	WORD('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '), WORD('P', 'A', 'T', 'C', 'H', ' ', 0, 0),
	WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '), WORD('T', 'R', 'A', 'C', 'E', ' ', 0, 0),
	WORD('P', 'R', 'O', 'P', 'F', 'I', 'N', 'D'), WORD('P', 'R', 'O', 'P', 'P', 'A', 'T', 'C'),
	WORD('M', 'K', 'C', 'O', 'L', ' ', 0, 0),     WORD('C', 'O', 'P', 'Y', ' ', 0, 0, 0),
	WORD('M', 'O', 'V', 'E', ' ', 0, 0, 0),	      WORD('L', 'O', 'C', 'K', ' ', 0, 0, 0),
	WORD('U', 'N', 'L', 'O', 'C', 'K', ' ', 0),   WORD('S', 'E', 'A', 'R', 'C', 'H', ' ', 0),
	WORD('Q', 'U', 'E', 'R', 'Y', ' ', 0, 0),     WORD('R', 'E', 'P', 'O', 'R', 'T', ' ', 0),
	WORD('M', 'E', 'R', 'G', 'E', ' ', 0, 0),     WORD('A', 'C', 'L', ' ', 0, 0, 0, 0),
	WORD('B', 'I', 'N', 'D', ' ', 0, 0, 0),	      WORD('R', 'E', 'B', 'I', 'N', 'D', ' ', 0),
	WORD('U', 'N', 'B', 'I', 'N', 'D', ' ', 0),   WORD('C', 'H', 'E', 'C', 'K', 'O', 'U', 'T'),
	WORD('M', 'K', 'A', 'C', 'T', 'I', 'V', 'I'), WORD('M', 'K', 'C', 'A', 'L', 'E', 'N', 'D'),
	WORD('M', '-', 'S', 'E', 'A', 'R', 'C', 'H'), WORD('N', 'O', 'T', 'I', 'F', 'Y', ' ', 0),
	WORD('S', 'U', 'B', 'S', 'C', 'R', 'I', 'B'), WORD('U', 'N', 'S', 'U', 'B', 'S', 'C', 'R'),
	WORD('P', 'U', 'R', 'G', 'E', ' ', 0, 0),     WORD('L', 'I', 'N', 'K', ' ', 0, 0, 0),
	WORD('U', 'N', 'L', 'I', 'N', 'K', ' ', 0),   WORD('S', 'O', 'U', 'R', 'C', 'E', ' ', 0),
};

/* Which bytes of a word are not zero, as a mask; the zero ones are all at the end. */
static __always_inline __u64 word_mask(__u64 word)
{
	if (word >> 56)
		return ~0ull;
	if (word >> 48)
		return ~0ull >> 8;
	if (word >> 40)
		return ~0ull >> 16;
	if (word >> 32)
		return ~0ull >> 24;
	return ~0ull >> 32; /* "GET " is the shortest */
}

/*
 * What a message would be that begins with these bytes; `have` masks those that there are. A
 * global function: the verifier looks at it once, not once for each state that a caller may be in,
 * which on 5.10 is the difference between a thousand instructions and a million.
 */
__noinline int look_word(__u64 word, __u64 have)
{
	__u8 first = word;

	if (first < 'A' || first > 'U') /* most that is not HTTP ends here */
		return LOOK_OTHER;
	for (unsigned int i = 0; i < sizeof(message_starts) / sizeof(message_starts[0]); i++) {
		__u64 start = message_starts[i];
		__u64 mask = word_mask(start);

		if ((word ^ start) & mask & have)
			continue;
		if (mask & ~have)
			return LOOK_PREFIX;
		return i ? LOOK_REQUEST : LOOK_RESPONSE;
	}
	return LOOK_OTHER;
}

/* One look at the first eight bytes of a payload of len bytes at off. */
static __always_inline enum look look_at(struct __sk_buff *skb, __u32 off, __u32 len)
{
	__u64 word = 0, have = ~0ull, last = (__u64)len - 1;

	if (len >= 8) {
		if (bpf_skb_load_bytes(skb, off, &word, 8))
			return LOOK_OTHER;
	} else {
		/* As in copy.h: what the verifier of 5.10 understands of 1 <= len <= 7. */
		asm volatile("" : "+r"(last));
		if (last >= 7)
			return LOOK_OTHER;
		asm volatile("" : "+r"(last));
		if (bpf_skb_load_bytes(skb, off, &word, last + 1))
			return LOOK_OTHER;
		have = (1ull << len * 8) - 1;
	}
	return look_word(word, have);
}

#endif

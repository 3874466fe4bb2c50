// SPDX-License-Identifier: GPL-2.0-only
#include "decode.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include "bytes.h"

enum {
	IPV4_HDR_MIN = 20,
	IPV6_HDR_LEN = 40,
	TCP_HDR_MIN = 20,
	/* No link carries a larger IP packet in one piece: what is larger was put together by (or is
	 * still to be cut up by) the network card or the kernel. */
	JUMBO_FRAME_MAX = 9216,
	/* Nor is there a super-segment larger than Linux' GSO_MAX_SIZE, 8 * 65,535. */
	SUPER_SEGMENT_MAX = 8 * 65536,
	OPT_JUMBO = 0xc2, /* RFC 2675 */
	NEXT_HIP = 139,
	NEXT_SHIM6 = 140,
};

static void set_ipv4(struct endpoint *ep, const uint8_t *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(ep->addr, mapped, sizeof(mapped));
	memcpy(ep->addr + 12, addr, 4);
	ep->port = 0;
}

static void set_ipv6(struct endpoint *ep, const uint8_t *addr)
{
	memcpy(ep->addr, addr, 16);
	ep->port = 0;
}

/* Why bytes up to `need` cannot be read. */
static enum decode_result short_of(uint32_t need, uint32_t len)
{
	return need > len ? DECODE_MALFORMED : DECODE_TRUNCATED;
}

/* Authentication header (RFC 4302 §2), which stands in the clear before what it protects. */
static enum decode_result skip_auth(const uint8_t *pkt, uint32_t cap_len, struct ip_info *info)
{
	uint32_t pos = info->hdr_len, next;

	if (pos + 2 > cap_len)
		return short_of(pos + 2, info->total_len);
	next = pos + (pkt[pos + 1] + 2u) * 4;
	if (next > cap_len)
		return short_of(next, info->total_len);
	info->proto = pkt[pos];
	info->hdr_len = next;
	return DECODE_OK;
}

static enum decode_result decode_ipv4(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
				      struct ip_info *info)
{
	uint32_t hdr_len;
	uint16_t frag;

	if (cap_len < IPV4_HDR_MIN)
		return short_of(IPV4_HDR_MIN, pkt_len);
	hdr_len = (pkt[0] & 0x0fu) * 4;
	info->proto = pkt[9];
	set_ipv4(&info->src, pkt + 12);
	set_ipv4(&info->dst, pkt + 16);
	info->hdr_len = hdr_len;
	info->total_len = get_be16(pkt + 2);
	/* 0: a super-segment. More than there was on the wire: the packet ends where the frame ends,
	 * as Wireshark has it. */
	if (info->total_len == 0 || info->total_len > pkt_len)
		info->total_len = pkt_len;
	if (cap_len > info->total_len)
		cap_len = info->total_len;
	if (hdr_len < IPV4_HDR_MIN || hdr_len > info->total_len ||
	    info->total_len > SUPER_SEGMENT_MAX)
		return DECODE_MALFORMED;
	if (hdr_len > cap_len)
		return DECODE_TRUNCATED;
	frag = get_be16(pkt + 6);
	if (frag & 0x3fff) {
		info->frag_id = get_be16(pkt + 4);
		info->frag_off = (frag & 0x1fffu) * 8;
		info->frag_more = frag & 0x2000;
		return DECODE_FRAGMENT;
	}
	return info->proto == IPPROTO_AH ? skip_auth(pkt, cap_len, info) : DECODE_OK;
}

/*
 * The destination in TCP's pseudo header is the final one (RFC 8200 §8.1), which a routing header
 * holds as long as segments are left. It is also the address that the answers come from.
 */
static void final_destination(const uint8_t *hdr, uint32_t len, struct ip_info *info)
{
	uint8_t type = hdr[2], left = hdr[3];

	if (left == 0 || len < 24)
		return;
	if (type == 0 || type == 2) /* RFC 2460 §4.4, RFC 6275 §6.4: the last address */
		set_ipv6(&info->dst, hdr + 8 + (len - 8) / 16 * 16 - 16);
	else if (type == 4) /* RFC 8754 §2: the list is stored backwards */
		set_ipv6(&info->dst, hdr + 8);
}

/* RFC 2675 §2: the length of a packet whose payload length is 0; never one that fits 16 bits. */
static void jumbo_length(const uint8_t *hdr, uint32_t len, uint32_t pkt_len, struct ip_info *info)
{
	uint32_t pos = 2, jumbo;

	while (pos + 2 <= len) {
		if (hdr[pos] == 0) { /* Pad1 */
			pos++;
			continue;
		}
		if (hdr[pos] == OPT_JUMBO && hdr[pos + 1] == 4 && pos + 6 <= len) {
			jumbo = get_be32(hdr + pos + 2);
			if (jumbo > UINT16_MAX && jumbo <= pkt_len - IPV6_HDR_LEN)
				info->total_len = jumbo + IPV6_HDR_LEN;
			return;
		}
		pos += 2u + hdr[pos + 1];
	}
}

static enum decode_result fragment_header(const uint8_t *pkt, struct ip_info *info)
{
	const uint8_t *hdr = pkt + info->hdr_len;
	uint16_t off = get_be16(hdr + 2);

	info->proto = hdr[0];
	if (off & 0xfff9) {
		info->frag_hdr_off = info->hdr_len;
		info->frag_id = get_be32(hdr + 4);
		info->frag_off = off & 0xfff8;
		info->frag_more = off & 1;
		info->hdr_len += 8;
		return DECODE_FRAGMENT;
	}
	info->hdr_len += 8; /* an atomic fragment (RFC 6946) is whole */
	return DECODE_OK;
}

static bool is_extension(uint8_t next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_AH:
	case NEXT_HIP:
	case NEXT_SHIM6:
		return true;
	default:
		return false;
	}
}

/* The extension header at info->hdr_len (RFC 8200 §4), of which 8 bytes can be read. */
static enum decode_result decode_extension(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
					   struct ip_info *info)
{
	const uint8_t *hdr = pkt + info->hdr_len;
	uint32_t len = 8 + hdr[1] * 8u;

	if (info->proto == IPPROTO_FRAGMENT)
		return fragment_header(pkt, info);
	if (info->proto == IPPROTO_AH)
		return skip_auth(pkt, cap_len, info);
	if (info->hdr_len + len > cap_len)
		return short_of(info->hdr_len + len, info->total_len);
	if (info->proto == IPPROTO_ROUTING)
		final_destination(hdr, len, info);
	if (info->proto == IPPROTO_HOPOPTS && get_be16(pkt + 4) == 0)
		jumbo_length(hdr, len, pkt_len, info);
	info->proto = hdr[0];
	info->hdr_len += len;
	return DECODE_OK;
}

static enum decode_result decode_ipv6(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
				      struct ip_info *info)
{
	enum decode_result res;

	if (cap_len < IPV6_HDR_LEN)
		return short_of(IPV6_HDR_LEN, pkt_len);
	info->proto = pkt[6];
	set_ipv6(&info->src, pkt + 8);
	set_ipv6(&info->dst, pkt + 24);
	info->hdr_len = IPV6_HDR_LEN;
	info->total_len = get_be16(pkt + 4) + IPV6_HDR_LEN;
	if (info->total_len == IPV6_HDR_LEN || info->total_len > pkt_len)
		info->total_len = pkt_len;
	if (cap_len > info->total_len)
		cap_len = info->total_len;
	if (info->total_len > SUPER_SEGMENT_MAX)
		return DECODE_MALFORMED;
	/* Each round advances by 8 bytes or more. */
	while (is_extension(info->proto)) {
		if (info->hdr_len + 8 > cap_len)
			return short_of(info->hdr_len + 8, info->total_len);
		res = decode_extension(pkt, cap_len, pkt_len, info);
		if (res != DECODE_OK)
			return res;
		if (cap_len > info->total_len) /* there was a jumbo option */
			cap_len = info->total_len;
	}
	return DECODE_OK;
}

enum decode_result decode_ip(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
			     struct ip_info *info)
{
	memset(info, 0, sizeof(*info));
	if (cap_len > pkt_len)
		cap_len = pkt_len;
	if (cap_len == 0)
		return pkt_len ? DECODE_TRUNCATED : DECODE_MALFORMED;
	info->version = pkt[0] >> 4;
	if (info->version == 4)
		return decode_ipv4(pkt, cap_len, pkt_len, info);
	if (info->version == 6)
		return decode_ipv6(pkt, cap_len, pkt_len, info);
	return DECODE_NOT_IP;
}

/* Fills seq to payload_len and the ports; nothing but with DECODE_OK. */
static enum decode_result read_tcp(const uint8_t *tcp, uint32_t cap_len, uint32_t len,
				   struct segment *seg)
{
	uint32_t hdr_len;

	if (cap_len > len)
		cap_len = len;
	if (cap_len < TCP_HDR_MIN)
		return short_of(TCP_HDR_MIN, len);
	hdr_len = (tcp[12] >> 4) * 4u;
	if (hdr_len < TCP_HDR_MIN || hdr_len > len)
		return DECODE_MALFORMED;
	if (hdr_len > cap_len)
		return DECODE_TRUNCATED;
	seg->src.port = get_be16(tcp);
	seg->dst.port = get_be16(tcp + 2);
	seg->seq = get_be32(tcp + 4);
	seg->ack = get_be32(tcp + 8);
	seg->flags = get_be16(tcp + 12) & 0x1ff;
	seg->window = get_be16(tcp + 14);
	seg->checksum = get_be16(tcp + 16);
	seg->urgent = get_be16(tcp + 18);
	seg->tcp_hdr_len = hdr_len;
	seg->payload_len = len - hdr_len;
	seg->payload_cap = cap_len - hdr_len;
	seg->payload = seg->payload_cap ? tcp + hdr_len : NULL;
	return DECODE_OK;
}

enum decode_result decode_segment(const uint8_t *pkt, uint32_t cap_len, const struct ip_info *info,
				  struct segment *seg)
{
	enum decode_result res;

	if (cap_len > info->total_len)
		cap_len = info->total_len; /* the rest is the link layer's padding */
	res = read_tcp(pkt + info->hdr_len, cap_len - info->hdr_len,
		       info->total_len - info->hdr_len, seg);
	if (res != DECODE_OK)
		return res;
	memcpy(seg->src.addr, info->src.addr, sizeof(seg->src.addr));
	memcpy(seg->dst.addr, info->dst.addr, sizeof(seg->dst.addr));
	seg->pkt = pkt;
	seg->pkt_cap = cap_len;
	seg->pkt_len = info->total_len;
	seg->tcp_off = info->hdr_len;
	return DECODE_OK;
}

enum decode_result decode_packet(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
				 struct segment *seg, struct ip_info *info)
{
	struct ip_info local;
	enum decode_result res;

	if (!info)
		info = &local;
	res = decode_ip(pkt, cap_len, pkt_len, info);
	if (res != DECODE_OK)
		return res;
	return info->proto == IPPROTO_TCP ? decode_segment(pkt, cap_len, info, seg)
					  : DECODE_NOT_TCP;
}

enum decode_result decode_tcp(const uint8_t *tcp, uint32_t cap_len, uint32_t len,
			      struct segment *seg)
{
	enum decode_result res = read_tcp(tcp, cap_len, len, seg);

	if (res != DECODE_OK)
		return res;
	memset(seg->src.addr, 0, sizeof(seg->src.addr));
	memset(seg->dst.addr, 0, sizeof(seg->dst.addr));
	seg->pkt = tcp;
	seg->pkt_cap = cap_len < len ? cap_len : len;
	seg->pkt_len = len;
	seg->tcp_off = 0;
	return DECODE_OK;
}

/* One's complement sum (RFC 1071), to be folded; 32 bits of length cannot overflow it. */
static uint64_t sum16(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (; len > 1; p += 2, len -= 2)
		sum += get_be16(p);
	if (len)
		sum += (uint64_t)p[0] << 8;
	return sum;
}

static uint16_t fold16(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

enum checksum_state decode_checksum(const struct segment *seg)
{
	uint32_t tcp_len = seg->pkt_len - seg->tcp_off;
	bool v4;
	uint64_t pseudo;

	if (seg->tcp_off == 0) /* a TCP header alone: the addresses are not known */
		return CHECKSUM_UNKNOWN;
	v4 = seg->pkt[0] >> 4 == 4;
	pseudo = sum16(seg->src.addr + (v4 ? 12 : 0), v4 ? 4 : 16) +
		 sum16(seg->dst.addr + (v4 ? 12 : 0), v4 ? 4 : 16) + (tcp_len >> 16) +
		 (tcp_len & 0xffff) + IPPROTO_TCP;
	if (seg->pkt_cap == seg->pkt_len &&
	    fold16(pseudo + sum16(seg->pkt + seg->tcp_off, tcp_len)) == 0xffff)
		return CHECKSUM_GOOD;
	if (fold16(pseudo) == seg->checksum)
		return CHECKSUM_PARTIAL;
	if (seg->pkt_cap < seg->pkt_len)
		return CHECKSUM_UNKNOWN;
	return seg->pkt_len > JUMBO_FRAME_MAX ? CHECKSUM_UNKNOWN : CHECKSUM_BAD;
}

int decode_next_option(const uint8_t *options, uint32_t len, uint32_t *pos, struct tcp_option *opt)
{
	uint32_t at = *pos;

	if (at >= len)
		return 0;
	opt->kind = options[at];
	opt->len = 0;
	opt->data = NULL;
	if (opt->kind == 0) { /* what follows is padding (RFC 9293 §3.2) */
		*pos = len;
		return 1;
	}
	if (opt->kind == 1) {
		*pos = at + 1;
		return 1;
	}
	if (at + 2 > len || options[at + 1] < 2 || at + options[at + 1] > len)
		return -EINVAL;
	opt->len = (uint8_t)(options[at + 1] - 2);
	opt->data = opt->len ? options + at + 2 : NULL;
	*pos = at + options[at + 1];
	return 1;
}

void decode_count(enum decode_result result, struct counters *cnt)
{
	switch (result) {
	case DECODE_OK:
		break;
	case DECODE_NOT_IP:
		cnt->not_ip++;
		break;
	case DECODE_NOT_TCP:
		cnt->not_tcp++;
		break;
	case DECODE_FRAGMENT:
		cnt->fragments++;
		break;
	case DECODE_TRUNCATED:
		cnt->truncated_packets++;
		break;
	default:
		cnt->malformed_packets++;
		break;
	}
}

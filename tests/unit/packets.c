// SPDX-License-Identifier: GPL-2.0-only
#include "packets.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/bytes.h"

void pkt_init(struct pkt *p, const void *payload, size_t len)
{
	size_t i;

	p->start = PKT_HEADROOM;
	p->end = PKT_HEADROOM + (uint32_t)len;
	if (p->end > PKT_MAX)
		abort();
	for (i = 0; i < len; i++)
		p->bytes[p->start + i] = payload ? ((const uint8_t *)payload)[i] : (uint8_t)i;
}

void pkt_prepend(struct pkt *p, const void *bytes, size_t len)
{
	if (len > p->start)
		abort();
	p->start -= (uint32_t)len;
	memcpy(pkt_data(p), bytes, len);
}

void pkt_hex(struct pkt *p, const char *hex)
{
	uint8_t bytes[1024];
	size_t digits = 0;
	char two[3] = "";

	for (; *hex; hex++) {
		if (isspace((unsigned char)*hex))
			continue;
		if (digits / 2 == sizeof(bytes))
			abort();
		two[digits % 2] = *hex;
		if (digits++ % 2)
			bytes[digits / 2 - 1] = (uint8_t)strtoul(two, NULL, 16);
	}
	pkt_prepend(p, bytes, digits / 2);
}

void pkt_tcp(struct pkt *p, const struct pkt_tcp *tcp)
{
	uint8_t hdr[20] = {0};
	uint32_t end = p->start;

	if (tcp->options)
		pkt_hex(p, tcp->options);
	put_be16(hdr, tcp->src);
	put_be16(hdr + 2, tcp->dst);
	put_be32(hdr + 4, tcp->seq);
	put_be32(hdr + 8, tcp->ack);
	put_be16(hdr + 12, (uint16_t)((20 + end - p->start) / 4 << 12 | tcp->flags));
	put_be16(hdr + 14, tcp->window);
	put_be16(hdr + 18, tcp->urgent);
	pkt_prepend(p, hdr, sizeof(hdr));
}

void pkt_udp(struct pkt *p, uint16_t src, uint16_t dst)
{
	uint8_t hdr[8] = {0};

	put_be16(hdr, src);
	put_be16(hdr + 2, dst);
	put_be16(hdr + 4, (uint16_t)(pkt_len(p) + 8));
	pkt_prepend(p, hdr, sizeof(hdr));
}

/* RFC 1071, as it stands there: independent of what is tested. */
static uint16_t checksum(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < alen + blen; i++) {
		uint32_t byte = i < alen ? a[i] : b[i - alen];

		sum += i % 2 ? byte : byte << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void fill_checksum(struct pkt *p, const uint8_t *addrs, size_t addrs_len, uint8_t proto)
{
	uint8_t pseudo[40], *tcp = pkt_data(p);

	if (proto != IPPROTO_TCP || pkt_len(p) < 20 || get_be16(tcp + 16))
		return;
	memcpy(pseudo, addrs, addrs_len);
	put_be32(pseudo + addrs_len, pkt_len(p));
	put_be32(pseudo + addrs_len + 4, IPPROTO_TCP);
	put_be16(tcp + 16, checksum(pseudo, addrs_len + 8, tcp, pkt_len(p)));
}

void pkt_ipv4(struct pkt *p, const char *src, const char *dst, uint8_t proto)
{
	uint8_t hdr[20] = {0x45};
	uint32_t len = pkt_len(p) + sizeof(hdr);

	put_be16(hdr + 2, len > 0xffff ? 0 : (uint16_t)len);
	hdr[8] = 64;
	hdr[9] = proto;
	if (inet_pton(AF_INET, src, hdr + 12) != 1 || inet_pton(AF_INET, dst, hdr + 16) != 1)
		abort();
	fill_checksum(p, hdr + 12, 8, proto);
	put_be16(hdr + 10, checksum(hdr, sizeof(hdr), NULL, 0));
	pkt_prepend(p, hdr, sizeof(hdr));
}

void pkt_ipv6(struct pkt *p, const char *src, const char *dst, uint8_t proto)
{
	uint8_t hdr[40] = {0x60};

	put_be16(hdr + 4, pkt_len(p) > 0xffff ? 0 : (uint16_t)pkt_len(p));
	hdr[6] = proto;
	hdr[7] = 64;
	if (inet_pton(AF_INET6, src, hdr + 8) != 1 || inet_pton(AF_INET6, dst, hdr + 24) != 1)
		abort();
	fill_checksum(p, hdr + 8, 32, proto);
	pkt_prepend(p, hdr, sizeof(hdr));
}

void pkt_ether(struct pkt *p, uint16_t type)
{
	uint8_t hdr[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

	put_be16(hdr + 12, type);
	pkt_prepend(p, hdr, sizeof(hdr));
}

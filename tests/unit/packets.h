/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packets.h - builds packets for tests, from the payload outwards: each call puts a header before what
 * is there.
 *
 *	pkt_init(&p, "hello", 5);
 *	pkt_tcp(&p, &(struct pkt_tcp){ .src = 1000, .dst = 80, .flags = TCP_ACK });
 *	pkt_ipv4(&p, "10.0.0.1", "10.0.0.2", IPPROTO_TCP);
 *	pkt_ether(&p, 0x0800);
 *	... pkt_data(&p), pkt_len(&p)
 */
#ifndef HTTPLAT_TEST_PACKETS_H
#define HTTPLAT_TEST_PACKETS_H

#include <stddef.h>
#include <stdint.h>

enum { PKT_HEADROOM = 4096, PKT_MAX = PKT_HEADROOM + 200000 };

struct pkt {
	uint8_t bytes[PKT_MAX];
	uint32_t start, end;
};

struct pkt_tcp {
	uint16_t src, dst;
	uint32_t seq, ack;
	uint16_t flags; /* enum tcp_flag */
	uint16_t window, urgent;
	const char *options; /* hex, a multiple of 4 bytes; NULL: none */
};

/* payload NULL: len bytes that count up from 0. */
void pkt_init(struct pkt *p, const void *payload, size_t len);

void pkt_prepend(struct pkt *p, const void *bytes, size_t len);
/* Hex digits; blanks are ignored. */
void pkt_hex(struct pkt *p, const char *hex);

void pkt_tcp(struct pkt *p, const struct pkt_tcp *tcp);
void pkt_udp(struct pkt *p, uint16_t src, uint16_t dst);

/* The lengths are those of what is there (0 for IPv4 and IPv6 when it does not fit). A TCP checksum that
 * is still 0 is filled in when proto is TCP. */
void pkt_ipv4(struct pkt *p, const char *src, const char *dst, uint8_t proto);
void pkt_ipv6(struct pkt *p, const char *src, const char *dst, uint8_t proto);

/* Destination 02:..:02, source 02:..:01. */
void pkt_ether(struct pkt *p, uint16_t type);

static inline uint8_t *pkt_data(struct pkt *p)
{
	return p->bytes + p->start;
}

static inline uint32_t pkt_len(const struct pkt *p)
{
	return p->end - p->start;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include "bpf_frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *put(struct built_frame *f, size_t n)
{
	uint8_t *at = f->bytes + f->len;

	if (f->len + n > sizeof(f->bytes))
		abort();
	f->len += n;
	return at;
}

static void put16(struct built_frame *f, uint16_t v)
{
	uint16_t be = htons(v);

	memcpy(put(f, 2), &be, 2);
}

static void put32(struct built_frame *f, uint32_t v)
{
	uint32_t be = htonl(v);

	memcpy(put(f, 4), &be, 4);
}

static void set16(struct built_frame *f, size_t at, uint16_t v)
{
	uint16_t be = htons(v);

	memcpy(f->bytes + at, &be, 2);
}

static uint8_t transport(const struct frame_spec *spec)
{
	return spec->proto ? spec->proto : IPPROTO_TCP;
}

static void put_ipv4(const struct frame_spec *spec, struct built_frame *f)
{
	*put(f, 1) = (uint8_t)(0x45 + spec->ip_option_words);
	*put(f, 1) = 0;
	put16(f, 0); /* length: later */
	put16(f, 0x1234);
	put16(f, spec->frag);
	*put(f, 1) = 64;
	*put(f, 1) = transport(spec);
	put16(f, 0);
	put32(f, spec->reverse ? 0x0a000002 : 0x0a000001);
	put32(f, spec->reverse ? 0x0a000001 : 0x0a000002);
	memset(put(f, spec->ip_option_words * 4), 1, spec->ip_option_words * 4);
}

static void put_ipv6(const struct frame_spec *spec, struct built_frame *f)
{
	const struct frame_ext *ext = spec->ext;
	uint8_t *addr;

	put32(f, 0x60000000);
	put16(f, 0); /* length: later */
	*put(f, 1) = ext && ext->kind != 0xff ? ext->kind : transport(spec);
	*put(f, 1) = 64;
	for (int i = 1; i <= 2; i++) {
		addr = put(f, 16);
		memset(addr, 0, 16);
		addr[0] = 0xfd;
		addr[15] = (uint8_t)(spec->reverse ? 3 - i : i);
	}
	for (; ext && ext->kind != 0xff; ext++) {
		*put(f, 1) = ext[1].kind != 0xff ? ext[1].kind : transport(spec);
		*put(f, 1) = ext->units;
		put16(f, ext->frag);
		memset(put(f, 4 + ext->units * 8u), 0, 4 + ext->units * 8u);
	}
}

static void put_tcp(const struct frame_spec *spec, struct built_frame *f)
{
	uint8_t doff = spec->doff ? spec->doff : (uint8_t)(5 + spec->tcp_option_words);
	size_t len = spec->payload_len ? spec->payload_len
		     : spec->payload   ? strlen(spec->payload)
				       : 0;

	put16(f, spec->sport ? spec->sport : 1000);
	put16(f, spec->dport ? spec->dport : 80);
	put32(f, spec->seq);
	put32(f, 1);
	*put(f, 1) = (uint8_t)(doff << 4);
	*put(f, 1) = spec->flags ? spec->flags : 0x18;
	put16(f, 500);
	put32(f, 0);
	memset(put(f, spec->tcp_option_words * 4), 1, spec->tcp_option_words * 4);
	if (len)
		memcpy(put(f, len), spec->payload, len);
}

void frame_build(const struct frame_spec *spec, struct built_frame *f)
{
	const uint16_t *tag;

	f->len = 0;
	memset(put(f, 12), 0, 12); /* to the loopback device's own address */
	for (tag = spec->tags; tag && *tag; tag++) {
		put16(f, *tag);
		put16(f, 100);
	}
	put16(f, spec->v6 ? ETH_P_IPV6 : ETH_P_IP);
	f->l3 = f->len;
	if (spec->v6)
		put_ipv6(spec, f);
	else
		put_ipv4(spec, f);
	put_tcp(spec, f);
	f->ip_len = f->len - f->l3;
	if (!spec->no_length)
		set16(f, f->l3 + (spec->v6 ? 4 : 2), (uint16_t)(f->ip_len - (spec->v6 ? 40 : 0)));
	memset(put(f, spec->padding), 0, spec->padding);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* bpf_frame.h - Ethernet frames for the tests of the capture programs, put together from a
 * description. */
#ifndef HTTPLAT_TESTS_BPF_FRAME_H
#define HTTPLAT_TESTS_BPF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 3400

struct frame_ext {
	uint8_t kind;  /* IPPROTO_HOPOPTS, ... */
	uint8_t units; /* length in 8 bytes, not counting the first */
	uint16_t frag; /* fragment header: offset and flags as in the packet, host order */
};

#define FRAME_EXT_END                                                                              \
	{                                                                                          \
		0xff, 0, 0                                                                         \
	}

/* All zero: a TCP segment without payload over IPv4, from 10.0.0.1:1000 to 10.0.0.2:80. */
struct frame_spec {
	const uint16_t *tags; /* VLAN protocols, 0-terminated; NULL: none */
	bool v6;
	bool reverse; /* the addresses */
	unsigned int ip_option_words;
	const struct frame_ext *ext; /* FRAME_EXT_END ends the list; NULL: none */
	uint16_t frag;		     /* IPv4 flags and offset, host order */
	uint8_t proto;		     /* 0: TCP */
	bool no_length;		     /* total length 0, as BIG TCP has it */
	unsigned int tcp_option_words;
	uint8_t doff; /* instead of the right one */
	uint8_t flags;
	uint32_t seq;
	uint16_t sport, dport;
	const char *payload;
	size_t payload_len; /* 0: strlen(payload) */
	size_t padding;	    /* bytes after the packet */
};

struct built_frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;    /* with padding */
	size_t l3;     /* where the IP header begins */
	size_t ip_len; /* from there to the packet's end */
};

/* Aborts if it does not fit. */
void frame_build(const struct frame_spec *spec, struct built_frame *f);

#endif

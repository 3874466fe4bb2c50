/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_fields.h - a TCP header's fields in words: what `-v` and `httplat decode` have in common.
 *
 * Everything given back is a number, a name of ours or hex, never bytes of the packet as they are.
 */
#ifndef HTTPLAT_TCP_FIELDS_H
#define HTTPLAT_TCP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>


#include "../core/decode.h"
#include "../core/segment.h"
#include "jsonout.h"

/* A flag by number, 0 (FIN) to 8 (AE): its name, and Wireshark's name of the field. NULL past the last. */
struct tcp_flag_name {
	uint16_t flag;
	const char *name;  /* "FIN" */
	const char *title; /* "Fin" */
	const char *field; /* "tcp.flags.fin" */
};
const struct tcp_flag_name *tcp_flag_name(unsigned int n);

/* The names of the flags that are set, "SYN,ACK"; "none". */
#define TCP_FLAGS_TEXT_MAX 48
const char *tcp_flags_text(uint16_t flags, char buf[TCP_FLAGS_TEXT_MAX]);

/* "good", "bad", "partial", "unknown". */
const char *tcp_checksum_name(enum checksum_state state);

/* One option, decoded. Numbers have names; what has no decoding here, and all that MPTCP carries after its
 * subtype, is hex. */
#define TCP_OPTION_VALUES_MAX 8
struct tcp_option_view {
	uint8_t kind;
	const char *name; /* "mss" ...; "unknown" */
	struct {
		const char *name;
		uint64_t value;
	} values[TCP_OPTION_VALUES_MAX];
	uint32_t value_cnt;
	const char *subtype; /* MPTCP's; else NULL */
	const uint8_t *hex;  /* NULL: all was decoded */
	uint32_t hex_len;
};
void tcp_option_view(const struct tcp_option *opt, struct tcp_option_view *out);

/* "timestamps val 829834507 ecr 829834499" */
#define TCP_OPTION_TEXT_MAX 256
const char *tcp_option_text(const struct tcp_option *opt, char buf[TCP_OPTION_TEXT_MAX]);

/* The options of a segment: a walk as with decode_next_option(). */
int tcp_next_option(const struct segment *seg, uint32_t *pos, struct tcp_option *opt);

/* Puts the TCP fields into an open JSON object: "tcp.srcport" to "tcp.len". */
void tcp_fields_json(struct jsonout *o, const struct segment *seg);

#endif

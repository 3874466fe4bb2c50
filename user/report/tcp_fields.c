// SPDX-License-Identifier: GPL-2.0-only
#include "tcp_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../core/bytes.h"

/* RFC 9293 §3.1, RFC 3168, RFC 9768. */
static const struct tcp_flag_name flag_names[] = {
	{TCP_FIN, "FIN", "Fin", "tcp.flags.fin"},
	{TCP_SYN, "SYN", "Syn", "tcp.flags.syn"},
	{TCP_RST, "RST", "Reset", "tcp.flags.reset"},
	{TCP_PSH, "PSH", "Push", "tcp.flags.push"},
	{TCP_ACK, "ACK", "Acknowledgment", "tcp.flags.ack"},
	{TCP_URG, "URG", "Urgent", "tcp.flags.urg"},
	{TCP_ECE, "ECE", "ECN-Echo", "tcp.flags.ece"},
	{TCP_CWR, "CWR", "Congestion Window Reduced", "tcp.flags.cwr"},
	{TCP_AE, "AE", "Accurate ECN", "tcp.flags.ae"},
};

enum { FLAG_CNT = sizeof(flag_names) / sizeof(flag_names[0]) };

const struct tcp_flag_name *tcp_flag_name(unsigned int n)
{
	return n < FLAG_CNT ? &flag_names[n] : NULL;
}

const char *tcp_flags_text(uint16_t flags, char buf[TCP_FLAGS_TEXT_MAX])
{
	size_t len = 0;
	unsigned int n;

	buf[0] = '\0';
	for (n = 0; n < FLAG_CNT; n++) {
		if (flags & flag_names[n].flag)
			len += (size_t)snprintf(buf + len, TCP_FLAGS_TEXT_MAX - len, "%s%s",
						len ? "," : "", flag_names[n].name);
	}
	return len ? buf : "none";
}

const char *tcp_checksum_name(enum checksum_state state)
{
	switch (state) {
	case CHECKSUM_GOOD:
		return "good";
	case CHECKSUM_BAD:
		return "bad";
	case CHECKSUM_PARTIAL:
		return "partial";
	default:
		return "unknown";
	}
}

int tcp_next_option(const struct segment *seg, uint32_t *pos, struct tcp_option *opt)
{
	return decode_next_option(seg->pkt + seg->tcp_off + 20, seg->tcp_hdr_len - 20, pos, opt);
}

/* --- options: https://www.iana.org/assignments/tcp-parameters ---------------------------------- */

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERMITTED = 4,
	OPT_SACK = 5,
	OPT_TIMESTAMPS = 8,
	OPT_MD5 = 19,
	OPT_USER_TIMEOUT = 28,
	OPT_AO = 29,
	OPT_MPTCP = 30,
	OPT_TFO = 34,
	OPT_ACCECN0 = 172,
	OPT_ACCECN1 = 174,
	OPT_EXPERIMENT1 = 253,
	OPT_EXPERIMENT2 = 254,
	/* Experiments are told apart by their next two bytes (RFC 6994). */
	EXID_EDO = 0x0ed0,
	EXID_TFO = 0xf989,
	EXID_ACCECN0 = 0xacc0,
	EXID_ACCECN1 = 0xacc1,
};

static void add_value(struct tcp_option_view *v, const char *name, uint64_t value)
{
	v->values[v->value_cnt].name = name;
	v->values[v->value_cnt++].value = value;
}

/* What stands from `from` on, of an option's len bytes; without any, data is NULL. */
static void keep_hex(struct tcp_option_view *v, const uint8_t *data, uint32_t from, uint32_t len)
{
	v->hex = from < len ? data + from : NULL;
	v->hex_len = len - from;
}

static const char *mptcp_subtype(uint8_t subtype)
{
	static const char *const names[] = {"mp_capable", "mp_join",	  "dss",
					    "add_addr",	  "remove_addr",  "mp_prio",
					    "mp_fail",	  "mp_fastclose", "mp_tcprst"};

	return subtype < sizeof(names) / sizeof(names[0]) ? names[subtype] : "mp_unknown";
}

/* RFC 9768 §3.2.3: up to three counters of 24 bits, in one order or the other. */
static void view_accecn(struct tcp_option_view *v, const uint8_t *data, uint32_t len, bool second)
{
	static const char *const names[] = {"ee0b", "eceb", "ee1b"};
	uint32_t i;

	v->name = second ? "accecn1" : "accecn0";
	for (i = 0; i < 3 && i * 3 + 3 <= len; i++)
		add_value(v, names[second ? 2 - i : i],
			  (uint32_t)data[i * 3] << 16 | get_be16(data + i * 3 + 1));
	keep_hex(v, data, i * 3, len);
}

static void view_experiment(struct tcp_option_view *v, const uint8_t *data, uint32_t len)
{
	uint16_t exid;

	v->name = "experiment";
	keep_hex(v, data, 0, len);
	if (len < 2)
		return;
	exid = get_be16(data);
	switch (exid) {
	case EXID_TFO:
		v->name = "tfo";
		keep_hex(v, data, 2, len);
		break;
	case EXID_EDO:
		v->name = "edo";
		keep_hex(v, data, 2, len);
		if (len == 4 || len == 6) { /* draft-ietf-tcpm-tcp-edo §4: header length in words */
			add_value(v, "hdr", get_be16(data + 2) * 4u);
			keep_hex(v, data, 4, len);
		}
		break;
	case EXID_ACCECN0:
	case EXID_ACCECN1:
		view_accecn(v, data + 2, len - 2, exid == EXID_ACCECN1);
		break;
	default:
		add_value(v, "exid", exid);
		keep_hex(v, data, 2, len);
		break;
	}
}

static void view_sack(struct tcp_option_view *v, const uint8_t *data, uint32_t len)
{
	uint32_t i;

	for (i = 0; i + 8 <= len && v->value_cnt + 2 <= TCP_OPTION_VALUES_MAX; i += 8) {
		add_value(v, "left", get_be32(data + i));
		add_value(v, "right", get_be32(data + i + 4));
	}
	keep_hex(v, data, i, len);
}

/* Options whose data has one length only, and is a number. False when it is of another length. */
static bool view_fixed(struct tcp_option_view *v, const struct tcp_option *opt)
{
	switch (opt->kind) {
	case OPT_MSS:
		v->name = "mss";
		if (opt->len == 2)
			add_value(v, "val", get_be16(opt->data));
		return opt->len == 2;
	case OPT_WSCALE:
		v->name = "wscale";
		if (opt->len == 1)
			add_value(v, "val", opt->data[0]);
		return opt->len == 1;
	case OPT_TIMESTAMPS:
		v->name = "timestamps";
		if (opt->len == 8) {
			add_value(v, "val", get_be32(opt->data));
			add_value(v, "ecr", get_be32(opt->data + 4));
		}
		return opt->len == 8;
	case OPT_USER_TIMEOUT: /* RFC 5482 §3.1: the first bit says minutes */
		v->name = "user_timeout";
		if (opt->len == 2)
			add_value(v, "seconds",
				  (get_be16(opt->data) & 0x7fffu) * (opt->data[0] & 0x80 ? 60 : 1));
		return opt->len == 2;
	default:
		return false;
	}
}

void tcp_option_view(const struct tcp_option *opt, struct tcp_option_view *out)
{
	static const struct {
		uint8_t kind;
		const char *name;
	} plain[] = {
		{OPT_END, "eol"},   {OPT_NOP, "nop"},	  {OPT_SACK_PERMITTED, "sack_permitted"},
		{OPT_SACK, "sack"}, {OPT_MD5, "md5"},	  {OPT_AO, "ao"},
		{OPT_TFO, "tfo"},   {OPT_MPTCP, "mptcp"},
	};
	size_t i;

	memset(out, 0, sizeof(*out));
	out->kind = opt->kind;
	out->name = "unknown";
	if (view_fixed(out, opt))
		return;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].kind == opt->kind)
			out->name = plain[i].name;
	}
	keep_hex(out, opt->data, 0, opt->len);
	if (opt->kind == OPT_SACK)
		view_sack(out, opt->data, opt->len);
	else if (opt->kind == OPT_MPTCP && opt->len)
		out->subtype = mptcp_subtype(opt->data[0] >> 4);
	else if (opt->kind == OPT_ACCECN0 || opt->kind == OPT_ACCECN1)
		view_accecn(out, opt->data, opt->len, opt->kind == OPT_ACCECN1);
	else if (opt->kind == OPT_EXPERIMENT1 || opt->kind == OPT_EXPERIMENT2)
		view_experiment(out, opt->data, opt->len);
}

static void hex_text(const uint8_t *data, uint32_t len, char *buf, size_t size)
{
	uint32_t i;

	buf[0] = '\0';
	for (i = 0; i < len && i * 2 + 3 <= size; i++)
		snprintf(buf + (size_t)i * 2, 3, "%02x", data[i]);
}

const char *tcp_option_text(const struct tcp_option *opt, char buf[TCP_OPTION_TEXT_MAX])
{
	struct tcp_option_view v;
	char *at = buf, *end = buf + TCP_OPTION_TEXT_MAX;
	uint32_t i;

	tcp_option_view(opt, &v);
	at += snprintf(at, (size_t)(end - at), "%s", v.name);
	if (strcmp(v.name, "unknown") == 0)
		at += snprintf(at, (size_t)(end - at), "-%u", v.kind);
	if (v.subtype)
		at += snprintf(at, (size_t)(end - at), " %s", v.subtype);
	for (i = 0; i < v.value_cnt; i++) {
		/* "sack 1-2 3-4", "mss 1460", "timestamps val 1 ecr 2" */
		const char *name = v.values[i].name;
		bool right = strcmp(name, "right") == 0;
		bool bare = right || strcmp(name, "left") == 0 || v.value_cnt == 1;

		at += snprintf(at, (size_t)(end - at), "%s%s%s%" PRIu64, right ? "-" : " ",
			       bare ? "" : name, bare ? "" : " ", v.values[i].value);
	}
	if (v.hex) {
		at += snprintf(at, (size_t)(end - at), " 0x");
		hex_text(v.hex, v.hex_len, at, (size_t)(end - at));
	}
	return buf;
}

/* --- JSON -------------------------------------------------------------------------------------- */

static void put_sack(struct jsonout *o, const struct tcp_option_view *v)
{
	uint32_t i;

	jsonout_key(o, "blocks");
	jsonout_open(o, '[');
	for (i = 0; i + 1 < v->value_cnt; i += 2) {
		jsonout_open(o, '[');
		jsonout_u64(o, v->values[i].value);
		jsonout_u64(o, v->values[i + 1].value);
		jsonout_close(o, ']');
	}
	jsonout_close(o, ']');
}

static void put_option(struct jsonout *o, const struct tcp_option *opt)
{
	struct tcp_option_view v;
	char hex[512];
	uint32_t i;

	tcp_option_view(opt, &v);
	jsonout_open(o, '{');
	jsonout_put_u64(o, "kind", v.kind);
	jsonout_put_string(o, "name", v.name);
	if (v.subtype)
		jsonout_put_string(o, "subtype", v.subtype);
	if (v.kind == OPT_SACK)
		put_sack(o, &v);
	for (i = 0; v.kind != OPT_SACK && i < v.value_cnt; i++)
		jsonout_put_u64(o, v.values[i].name, v.values[i].value);
	if (v.hex) {
		hex_text(v.hex, v.hex_len, hex, sizeof(hex));
		jsonout_put_string(o, "hex", hex);
	}
	jsonout_close(o, '}');
}

static void put_options(struct jsonout *o, const struct segment *seg)
{
	struct tcp_option opt;
	uint32_t pos = 0;
	int err;

	jsonout_key(o, "tcp.options");
	jsonout_open(o, '[');
	while ((err = tcp_next_option(seg, &pos, &opt)) > 0)
		put_option(o, &opt);
	jsonout_close(o, ']');
	if (err)
		jsonout_put_string(o, "tcp.options.error", "an option's length is impossible");
}

void tcp_fields_json(struct jsonout *o, const struct segment *seg)
{
	unsigned int n;

	jsonout_put_u64(o, "tcp.srcport", seg->src.port);
	jsonout_put_u64(o, "tcp.dstport", seg->dst.port);
	jsonout_put_u64(o, "tcp.seq_raw", seg->seq);
	jsonout_put_u64(o, "tcp.ack_raw", seg->ack);
	jsonout_put_u64(o, "tcp.hdr_len", seg->tcp_hdr_len);
	jsonout_put_u64(o, "tcp.flags", seg->flags);
	for (n = 0; n < FLAG_CNT; n++) {
		jsonout_key(o, flag_names[n].field);
		jsonout_bool(o, !!(seg->flags & flag_names[n].flag));
	}
	jsonout_put_u64(o, "tcp.window_size_value", seg->window);
	jsonout_put_u64(o, "tcp.checksum", seg->checksum);
	jsonout_put_string(o, "tcp.checksum.status", tcp_checksum_name(decode_checksum(seg)));
	jsonout_put_u64(o, "tcp.urgent_pointer", seg->urgent);
	put_options(o, seg);
	jsonout_put_u64(o, "tcp.len", seg->payload_len);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * body.h - finds out, in the kernel, which bytes are the body of a message, so that they need not
 * be copied from the first segment on. User space, told in time only on a slow link, does the
 * rest.
 *
 * A segment that begins a message is searched for the end of its header section and for
 * Content-Length. What is not plain is left to user space: a header section that does not end
 * within HEAD_BYTES of the segment, Transfer-Encoding, two lengths, a status without a body.
 *
 * Being wrong must not hide a message. A response to HEAD announces a body that does not come:
 * once HEAD was seen on a connection no body of its responses is believed. And a segment that
 * looks like the beginning of a message crosses whole, also where a body is expected.
 */
#ifndef HTTPLAT_BODY_H
#define HTTPLAT_BODY_H

#define HEAD_BYTES 640
/* Eight bytes or one line are passed in each step. */
#define HEAD_STEPS	  (HEAD_BYTES / 8 + 32)
#define LENGTH_DIGITS_MAX 16
/* Longer bodies are believed so far: sequence numbers are compared within half of their range. */
#define BODY_BYTES_MAX (1u << 30)
/* A body that came with its header is withheld from this size on. */
#define BODY_BYTES_MIN 256

/* Instead of how much is to be copied: nothing, and the body goes on behind it. */
#define PAYLOAD_INSIDE (~0u)

#define EACH_BYTE(b) ((b)*0x0101010101010101ull)

/* One for each CPU. A packet that arrives can interrupt the search in one that is sent and use the
 * same memory: `uses` tells. */
struct scratch {
	volatile __u64 uses;
	/* The search's variables. In a map the verifier does not follow their values (struct
	 * forgotten does that on the stack), and the stack, of which 5.10 grants 512 bytes to both
	 * functions, stays small. */
	volatile __u32 end;    /* length of the header section; 0: its end was not found */
	volatile __u32 length; /* where the value of Content-Length begins; 0: there is none */
	volatile __u32 refuse; /* Transfer-Encoding, or more than one length */
	volatile __u32 pos, have, fed;
	volatile __u32 digits, done;
	__u8 head[HEAD_BYTES + 32];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline __u32 payload_seq(const struct packet *p)
{
	return p->seq + !!(p->tcp_flags & TCP_F_SYN); /* Fast Open: the SYN counts as one */
}

/* What begins a line: a and b are its first sixteen bytes. Returns whether it ends the header. */
static __always_inline bool read_line(struct scratch *s, __u64 a, __u64 b, __u32 at)
{
	if ((a & 0xffff) == ('\r' | '\n' << 8)) {
		s->end = at + 2;
		return true;
	}
	if ((a & 0xff) == '\n') {
		s->end = at + 1;
		return true;
	}
	a |= EACH_BYTE(0x20); /* lower case; leaves '-' and ':' alone */
	b |= EACH_BYTE(0x20);
	if (a == WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
	    (b << 8) == WORD(0, 'l', 'e', 'n', 'g', 't', 'h', ':')) {
		if (s->length)
			s->refuse = 1;
		s->length = at + 15;
	}
	if (a == WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
	    b == WORD('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n'))
		s->refuse = 1;
	return false;
}

static __always_inline __u64 load_word(const struct scratch *s, __u64 at)
{
	return *(const __u64 *)(const void *)(s->head + at);
}

/* Reads the n bytes of a header section in s->head, line by line. */
static __always_inline void read_head(struct scratch *s, __u32 n)
{
	s->end = s->length = s->refuse = s->pos = 0;
	s->have = n;
	s->fed = 1; /* a line begins here */
	for (int i = 0; i < HEAD_STEPS; i++) {
		__u64 at = s->pos, word, hit;

		asm volatile("" : "+r"(at));
		if (at >= HEAD_BYTES)
			return;
		asm volatile("" : "+r"(at));
		if (at >= s->have)
			return;
		word = load_word(s, at);
		if (s->fed && read_line(s, word, load_word(s, at + 8), at))
			return;
		/* The top bit of each byte that is a line feed; those after the first may be
		 * wrong. */
		hit = word ^ EACH_BYTE('\n');
		hit = (hit - EACH_BYTE(1)) & ~hit & EACH_BYTE(0x80);
		s->fed = hit | hit >> 32;
		/* The lowest such bit, less one, has bit 0 set in each byte up to its own. */
		hit &= -hit;
		s->pos = at + (hit ? ((hit - 1) & EACH_BYTE(1)) * EACH_BYTE(1) >> 56 : 8);
	}
}

/* The decimal number at `at`, with blanks around it; -1: it is no such thing. */
static __always_inline __s64 read_length(struct scratch *s, __u64 at)
{
	__u64 value = 0;

	s->digits = s->done = 0;
	for (int i = 0; i < LENGTH_DIGITS_MAX; i++) {
		__u64 here = at + i;
		__u8 c;

		asm volatile("" : "+r"(here));
		if (here >= HEAD_BYTES)
			return -1;
		c = s->head[here];
		if (c >= '0' && c <= '9') {
			if (s->done)
				return -1;
			value = value * 10 + (c - '0');
			s->digits = 1;
		} else if (c == ' ' || c == '\t') {
			s->done = s->digits;
		} else {
			return s->digits && (c == '\r' || c == '\n') ? (__s64)value : -1;
		}
	}
	return -1;
}

/* 1xx, 204 and 304 have no body, whatever their header says (RFC 9112 §6.3). */
static __always_inline bool status_has_body(const struct scratch *s)
{
	__u8 a = s->head[9], b = s->head[10], c = s->head[11];

	return a >= '2' && a <= '5' && !(b == '0' && c == '4' && (a == '2' || a == '3'));
}

/* Fills s->head from len bytes of payload at off; returns how much. */
static __always_inline __u32 load_head(struct __sk_buff *skb, __u32 off, __u32 len,
				       struct scratch *s)
{
	__u64 last = len;

	if (last > HEAD_BYTES)
		last = HEAD_BYTES;
	/* As in copy.h: what the verifier of 5.10 understands. */
	last--;
	asm volatile("" : "+r"(last));
	if (last >= HEAD_BYTES)
		return 0;
	asm volatile("" : "+r"(last));
	if (bpf_skb_load_bytes(skb, off, s->head, last + 1))
		return 0;
	return last + 1;
}

/*
 * Reads the header section of a message that begins with the len bytes of payload at off. Returns
 * where its body begins in the upper half, and the body's length, up to BODY_BYTES_MAX, in the
 * lower; 0 if that is not plain. head_asked: HEAD was seen on the connection. A global function,
 * see look_word().
 */
__noinline __u64 search_body(struct __sk_buff *skb, __u32 off, __u32 len, __u32 head_asked)
{
	struct scratch *s;
	__u32 zero = 0, n;
	__u64 uses, first;
	__s64 length;

	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!s)
		return 0;
	uses = s->uses + 1;
	s->uses = uses;
	n = load_head(skb, off, len, s);
	if (!n)
		return 0;
	first = load_word(s, 0);
	if ((__u32)first == (__u32)WORD('H', 'T', 'T', 'P', 0, 0, 0, 0) &&
	    (head_asked || !status_has_body(s)))
		return 0;
	read_head(s, n);
	if (!s->end || !s->length || s->refuse)
		return 0;
	length = read_length(s, s->length);
	if (s->uses != uses || length <= 0)
		return 0;
	if (length > BODY_BYTES_MAX)
		length = BODY_BYTES_MAX;
	return (__u64)s->end << 32 | length;
}

/*
 * A message begins in this segment: notes where its body lies. Returns how much of the payload has
 * to be copied.
 */
static __always_inline __u32 begin_body(struct __sk_buff *skb, const struct packet *p,
					struct conn_state *st, __u32 way)
{
	struct forgotten rest;
	__u64 first = 0, found;
	__u32 head_len, kept, length;

	st->has_body[way & 1] = 0;
	if (p->payload_len < 16 || bpf_skb_load_bytes(skb, p->l3_off + p->hdr_len, &first, 8))
		return p->payload_len;
	if ((__u32)first == (__u32)WORD('G', 'E', 'T', ' ', 0, 0, 0, 0))
		return p->payload_len;
	if ((__u32)first == (__u32)WORD('H', 'E', 'A', 'D', 0, 0, 0, 0)) {
		st->asked_head = 1;
		return p->payload_len;
	}
	found = search_body(skb, p->l3_off + p->hdr_len, p->payload_len, st->asked_head);
	head_len = found >> 32;
	length = (__u32)found;
	if (length <= cfg.body_bytes)
		return p->payload_len;
	/* What is asked for of the body is not withheld, so it counts as header. */
	kept = head_len + cfg.body_bytes;
	st->body_start[way & 1] = payload_seq(p) + kept;
	st->body_end[way & 1] = payload_seq(p) + head_len + length;
	st->has_body[way & 1] = 1;

	/* What follows the header in this very segment: is it body and nothing else? */
	rest.v = p->payload_len - kept;
	if (rest.v < BODY_BYTES_MIN || rest.v > p->payload_len || rest.v > length - cfg.body_bytes)
		return p->payload_len;
	if (bpf_skb_load_bytes(skb, p->l3_off + p->hdr_len + head_len, &first, 8) ||
	    (first << 8) == WORD(0, 'H', 'T', 'T', 'P', '/', '1', '.')) {
		st->has_body[way & 1] = 0;
		return p->payload_len;
	}
	return kept;
}

/* How much of a payload has to be copied, none of it or its beginning, where it may lie in the body
 * that was found; or PAYLOAD_INSIDE. */
static __always_inline __u32 outside_body(const struct packet *p, const struct conn_state *st,
					  __u32 way)
{
	__u32 seq = payload_seq(p), into, left, before;

	if (!st->has_body[way & 1])
		return p->payload_len;
	into = seq - st->body_start[way & 1];
	left = st->body_end[way & 1] - seq;
	if (left >> 31 || left < p->payload_len)
		return p->payload_len;
	if (!(into >> 31))
		return left > p->payload_len ? PAYLOAD_INSIDE : 0;
	before = -into;
	return cfg.body_bytes && before < p->payload_len ? before : p->payload_len;
}

#endif

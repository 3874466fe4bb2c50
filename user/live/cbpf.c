// SPDX-License-Identifier: GPL-2.0-only
#include "live/cbpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	R0, R1, R2, R3, R4,
	SKB = BPF_REG_6,
	A = BPF_REG_7,
	X = BPF_REG_8,
	PLACE = BPF_REG_9, /* length of the packet << 32 | where its IP header begins */
	FP = BPF_REG_10,
};

/*
 * The stack, from its top down: the bytes just loaded, the words of M that are used, the beginning of the packet. The
 * verifier adds it to the caller's, each rounded up to 32 bytes in 5.10, and 512 are all that there is: so the last one
 * takes what the others leave of STACK_AIM, or is left out.
 */
enum {
	STACK_BYTES = -4, /* up to 4 */
	STACK_AIM = 32,
	HEADER_MIN = 12, /* less is not worth its load: here end IPv4's protocol, and IPv6's */
};

/* Where a jump goes that is not known yet: to an instruction of the classic program, or to the end without a
 * match. */
enum { NO_MATCH = UINT16_MAX };

struct translation {
	const struct sock_filter *prog;
	unsigned int n;
	struct bpf_insn *out;
	unsigned int len, max;
	uint32_t used;	 /* words of M, as bits */
	int32_t cached;	 /* bytes of the packet on the stack, at header_at */
	int32_t header_at;
	uint16_t *targets; /* of each instruction that jumps: an instruction of prog, or NO_MATCH; by its place in out */
	uint16_t *starts;  /* where each instruction of prog begins in out; [n]: the end without a match */
};

/* --- writing ---------------------------------------------------------------------------------- */

/* What does not fit is counted only. */
static void put(struct translation *t, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		int32_t imm)
{
	if (t->len < t->max)
		t->out[t->len] = (struct bpf_insn){code, dst, src, off, imm};
	t->len++;
}

static void put_jump(struct translation *t, uint8_t code, uint8_t dst, uint8_t src, int32_t imm,
		     uint16_t target)
{
	if (t->len < t->max)
		t->targets[t->len] = target;
	put(t, code, dst, src, 0, imm);
}

static void no_match_if(struct translation *t, uint8_t op, uint8_t dst, int32_t imm)
{
	put_jump(t, BPF_JMP | op | BPF_K, dst, 0, imm, NO_MATCH);
}

static void mov(struct translation *t, uint8_t dst, uint8_t src)
{
	put(t, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void mov32(struct translation *t, uint8_t dst, uint8_t src)
{
	put(t, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void set32(struct translation *t, uint8_t dst, uint32_t k)
{
	put(t, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)k);
}

static void add(struct translation *t, uint8_t dst, int32_t imm)
{
	put(t, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

static void get_length(struct translation *t, uint8_t dst)
{
	mov(t, dst, PLACE);
	put(t, BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, 32);
}

static void call_load_bytes(struct translation *t, int16_t to, int32_t size)
{
	mov(t, R1, SKB);
	mov(t, R3, FP);
	add(t, R3, to);
	put(t, BPF_ALU64 | BPF_MOV | BPF_K, R4, 0, 0, size);
	put(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	no_match_if(t, BPF_JNE, R0, 0);
}

/* --- instructions ----------------------------------------------------------------------------- */

static bool has_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W || BPF_SIZE(code) == BPF_H || BPF_SIZE(code) == BPF_B;
}

static int32_t size_of(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* From the stack, where it is in network order. */
static void fetch(struct translation *t, uint16_t code, uint8_t dst, int16_t at)
{
	put(t, (uint8_t)(BPF_LDX | BPF_MEM | BPF_SIZE(code)), dst, FP, at, 0);
	if (size_of(code) > 1)
		put(t, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size_of(code) * 8);
}

/* No packet is that long. The condition, which always holds, keeps the verifier from finding that what comes next
 * is never reached, which it would refuse. */
static bool is_beyond(struct translation *t, uint32_t k)
{
	if (k <= INT32_MAX - 4)
		return false;
	no_match_if(t, BPF_JGE, PLACE, 0);
	return true;
}

static void load_fixed(struct translation *t, uint16_t code, uint8_t dst, uint32_t k)
{
	int32_t size = size_of(code);

	/* The verifier wants words on the stack to be aligned. */
	if (t->cached >= size && k <= (uint32_t)(t->cached - size) && !(k % (uint32_t)size)) {
		fetch(t, code, dst, (int16_t)(t->header_at + (int32_t)k));
		return;
	}
	if (is_beyond(t, k))
		return;
	get_length(t, R2);
	no_match_if(t, BPF_JLT, R2, (int32_t)k + size);
	mov32(t, R2, PLACE);
	add(t, R2, (int32_t)k);
	call_load_bytes(t, STACK_BYTES, size);
	fetch(t, code, dst, STACK_BYTES);
}

/* At X + k. */
static void load_indexed(struct translation *t, uint16_t code, uint32_t k)
{
	int32_t size = size_of(code);

	if (is_beyond(t, k))
		return;
	mov(t, R2, X);
	add(t, R2, (int32_t)k);
	get_length(t, R3);
	add(t, R3, -size);
	put_jump(t, BPF_JMP | BPF_JGT | BPF_X, R2, R3, 0, NO_MATCH);
	mov32(t, R3, PLACE);
	put(t, BPF_ALU64 | BPF_ADD | BPF_X, R2, R3, 0, 0);
	call_load_bytes(t, STACK_BYTES, size);
	fetch(t, code, A, STACK_BYTES);
}

/* Those that are not used have no room. */
static int16_t word_of(const struct translation *t, uint32_t k)
{
	return (int16_t)(STACK_BYTES - 4 - 4 * __builtin_popcount(t->used & ((1u << k) - 1)));
}

static int translate_load(struct translation *t, const struct sock_filter *f)
{
	uint8_t dst = BPF_CLASS(f->code) == BPF_LD ? A : X;

	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		set32(t, dst, f->k);
		return 0;
	case BPF_LEN:
		get_length(t, dst);
		return 0;
	case BPF_MEM:
		if (f->k >= BPF_MEMWORDS)
			return -ENOTSUP;
		put(t, BPF_LDX | BPF_MEM | BPF_W, dst, FP, word_of(t, f->k), 0);
		return 0;
	case BPF_ABS:
		if (dst == X || !has_size(f->code))
			return -ENOTSUP;
		load_fixed(t, f->code, A, f->k);
		return 0;
	case BPF_IND:
		if (dst == X || !has_size(f->code))
			return -ENOTSUP;
		load_indexed(t, f->code, f->k);
		return 0;
	case BPF_MSH:
		if (dst == A)
			return -ENOTSUP;
		load_fixed(t, BPF_B, X, f->k);
		put(t, BPF_ALU | BPF_AND | BPF_K, X, 0, 0, 15);
		put(t, BPF_ALU | BPF_LSH | BPF_K, X, 0, 0, 2);
		return 0;
	}
	return -ENOTSUP;
}

static int translate_store(struct translation *t, const struct sock_filter *f, uint8_t src)
{
	if (f->k >= BPF_MEMWORDS)
		return -ENOTSUP;
	put(t, BPF_STX | BPF_MEM | BPF_W, FP, src, word_of(t, f->k), 0);
	return 0;
}

/* A shift by what is not less than 32 has no meaning in eBPF. */
static void shift(struct translation *t, const struct sock_filter *f)
{
	if (BPF_SRC(f->code) == BPF_X) {
		put(t, BPF_JMP32 | BPF_JLT | BPF_K, X, 0, 2, 32);
		set32(t, A, 0);
		put(t, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		put(t, (uint8_t)(BPF_ALU | BPF_OP(f->code) | BPF_X), A, X, 0, 0);
	} else if (f->k >= 32) {
		set32(t, A, 0);
	} else {
		put(t, (uint8_t)(BPF_ALU | BPF_OP(f->code) | BPF_K), A, 0, 0, (int32_t)f->k);
	}
}

static int translate_alu(struct translation *t, const struct sock_filter *f)
{
	switch (BPF_OP(f->code)) {
	case BPF_DIV:
	case BPF_MOD:
		if (BPF_SRC(f->code) == BPF_X)
			no_match_if(t, BPF_JEQ, X, 0);
		else if (!f->k)
			return -ENOTSUP;
		break;
	case BPF_LSH:
	case BPF_RSH:
		shift(t, f);
		return 0;
	case BPF_NEG:
		put(t, BPF_ALU | BPF_NEG, A, 0, 0, 0);
		return 0;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
		break;
	default:
		return -ENOTSUP;
	}
	if (BPF_SRC(f->code) == BPF_X)
		put(t, (uint8_t)(BPF_ALU | BPF_OP(f->code) | BPF_X), A, X, 0, 0);
	else
		put(t, (uint8_t)(BPF_ALU | BPF_OP(f->code) | BPF_K), A, 0, 0, (int32_t)f->k);
	return 0;
}

/* Jumps go forward only, so that every program ends. */
static int translate_jump(struct translation *t, const struct sock_filter *f, unsigned int at)
{
	uint8_t op = BPF_OP(f->code), src = BPF_SRC(f->code) == BPF_X ? X : 0;
	int32_t k = BPF_SRC(f->code) == BPF_X ? 0 : (int32_t)f->k;
	uint64_t yes = (uint64_t)at + 1 + f->jt, no = (uint64_t)at + 1 + f->jf;

	if (op == BPF_JA) {
		yes = (uint64_t)at + 1 + f->k;
		if (yes >= t->n)
			return -ENOTSUP;
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, (uint16_t)yes);
		return 0;
	}
	if ((op != BPF_JEQ && op != BPF_JGT && op != BPF_JGE && op != BPF_JSET) || yes >= t->n ||
	    no >= t->n)
		return -ENOTSUP;
	put_jump(t, (uint8_t)(BPF_JMP32 | op | BPF_SRC(f->code)), A, src, k, (uint16_t)yes);
	if (f->jf)
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, (uint16_t)no);
	return 0;
}

/* To the end, behind what sets r0 for no match. */
static void end_with(struct translation *t, bool match)
{
	set32(t, R0, match);
	put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, (uint16_t)(t->n + 1));
}

static int translate_return(struct translation *t, const struct sock_filter *f)
{
	if (BPF_RVAL(f->code) == BPF_K) {
		end_with(t, f->k != 0);
		return 0;
	}
	if (BPF_RVAL(f->code) != BPF_A)
		return -ENOTSUP;
	no_match_if(t, BPF_JEQ, A, 0);
	end_with(t, true);
	return 0;
}

static int translate_one(struct translation *t, unsigned int at)
{
	const struct sock_filter *f = &t->prog[at];

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
	case BPF_LDX:
		return translate_load(t, f);
	case BPF_ST:
		return translate_store(t, f, A);
	case BPF_STX:
		return translate_store(t, f, X);
	case BPF_ALU:
		return translate_alu(t, f);
	case BPF_JMP:
		return translate_jump(t, f, at);
	case BPF_RET:
		return translate_return(t, f);
	case BPF_MISC:
		if (BPF_MISCOP(f->code) == BPF_TAX)
			mov32(t, X, A);
		else if (BPF_MISCOP(f->code) == BPF_TXA)
			mov32(t, A, X);
		else
			return -ENOTSUP;
		return 0;
	}
	return -ENOTSUP;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void lay_out_stack(struct translation *t)
{
	int32_t words;
	unsigned int i;

	for (i = 0; i < t->n; i++) {
		uint16_t code = t->prog[i].code;

		if (BPF_CLASS(code) == BPF_ST || BPF_CLASS(code) == BPF_STX ||
		    (BPF_CLASS(code) <= BPF_LDX && BPF_MODE(code) == BPF_MEM))
			t->used |= 1u << (t->prog[i].k % BPF_MEMWORDS);
	}
	words = 4 * __builtin_popcount(t->used);
	t->cached = STACK_AIM + STACK_BYTES - words;
	if (t->cached < HEADER_MIN)
		t->cached = 0;
	t->header_at = STACK_BYTES - words - t->cached;
}

static void begin(struct translation *t)
{
	unsigned int i;

	lay_out_stack(t);
	mov(t, SKB, R1);
	mov(t, PLACE, R3);
	put(t, BPF_ALU64 | BPF_LSH | BPF_K, PLACE, 0, 0, 32);
	put(t, BPF_ALU64 | BPF_OR | BPF_X, PLACE, R2, 0, 0);
	set32(t, A, 0);
	set32(t, X, 0);
	for (i = 0; i < BPF_MEMWORDS; i++)
		if (t->used & 1u << i)
			put(t, BPF_STX | BPF_MEM | BPF_W, FP, A, word_of(t, i), 0);
	if (t->cached)
		call_load_bytes(t, (int16_t)t->header_at, t->cached);
}

/* Every jump has its distance now. */
static void resolve(struct translation *t)
{
	unsigned int i;

	for (i = 0; i < t->len; i++) {
		uint16_t target = t->targets[i];

		if (target)
			t->out[i].off = (int16_t)(t->starts[target == NO_MATCH ? t->n : target] -
						  (int)i - 1);
	}
}

int cbpf_translate(const struct sock_filter *prog, unsigned int n, struct bpf_insn *out,
		   unsigned int max)
{
	struct translation t = {.prog = prog, .n = n, .out = out, .max = max};
	unsigned int i;
	int err = 0;

	if (!n || n > BPF_MAXINSNS || max > INT16_MAX || BPF_CLASS(prog[n - 1].code) != BPF_RET)
		return n > BPF_MAXINSNS ? -E2BIG : -ENOTSUP;
	t.targets = calloc(max, sizeof(*t.targets)); /* 0: none, since nothing jumps to the first */
	t.starts = calloc(n + 2, sizeof(*t.starts));
	if (!t.targets || !t.starts)
		err = -ENOMEM;
	if (!err)
		begin(&t);
	for (i = 0; i < n && !err; i++) {
		t.starts[i] = (uint16_t)t.len;
		err = translate_one(&t, i);
		if (!err && t.len >= max)
			err = -E2BIG;
	}
	if (!err) {
		t.starts[n] = (uint16_t)t.len;
		set32(&t, R0, 0);
		t.starts[n + 1] = (uint16_t)t.len;
		if (t.len > max)
			err = -E2BIG;
	}
	if (!err)
		resolve(&t);
	free(t.targets);
	free(t.starts);
	return err ? err : (int)t.len;
}

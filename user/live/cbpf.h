/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cbpf.h - a classic BPF program (McCanne and Jacobson, 1993), as libpcap compiles it, in today's instructions.
 *
 *	A r7   X r8   skb r6   the packet's length and where it begins r9
 *	stack: bytes just loaded | the words of M that are used | the packet's beginning
 *
 * Loads go through bpf_skb_load_bytes(), so the packet need not be linear; at fixed offsets into its beginning, up
 * to 28 bytes, through one load of all of them. The stack takes 32 bytes as long as at most seven words of M are used, which
 * fits under every capture program; with all sixteen it takes 68. As libpcap's interpreter has it (bpf_filter()), a
 * load past the packet's end and a division by zero match nothing, arithmetic has 32 bits without sign, a shift by
 * 32 or more gives 0. M, which that leaves open, is zero at first.
 */
#ifndef HTTPLAT_CBPF_H
#define HTTPLAT_CBPF_H

#include <linux/bpf.h>
#include <linux/filter.h>

/*
 * Translates n instructions for bpf/expression.h: r1, r2 and r3 are set, r0 will be 1 or 0, and the end is where
 * execution goes on. The packet has 40 bytes at least: it is TCP. Returns how many of out[max] are used; -E2BIG when they
 * are too few, -ENOTSUP when an instruction is unknown or jumps back or out of the program.
 */
int cbpf_translate(const struct sock_filter *prog, unsigned int n, struct bpf_insn *out,
		   unsigned int max);

#endif

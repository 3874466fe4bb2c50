/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expression.h - -f in the kernel: room for a program that is not known before httplat starts.
 *
 * EXPRESSION_ROOM instructions that do nothing, which the loader replaces in the object file, before libbpf sees
 * it, by the translation of what libpcap compiled (user/live/cbpf.h); what stays of them the verifier
 * takes out. It has a function of its own, so that there is one of them in the object, libbpf gives it to each
 * program, and its registers are nobody else's.
 */
#ifndef HTTPLAT_EXPRESSION_H
#define HTTPLAT_EXPRESSION_H

#define EXPRESSION_ROOM 2048 /* instructions */

#ifdef __bpf__

#define EXPRESSION_TEXT_(n) ".rept " #n "\n goto +0\n .endr\n"
#define EXPRESSION_TEXT(n)  EXPRESSION_TEXT_(n)

/* r1: skb, r2: where the IP header begins in it, r3: length of the IP packet, which has a whole TCP header. Sets r0 to 1 or
 * 0, and falls out at the end. */
static __noinline int expression_matches(struct __sk_buff *skb, __u32 l3_off, __u32 len)
{
	register struct __sk_buff *r1 asm("r1") = skb;
	register __u64 r2 asm("r2") = l3_off, r3 asm("r3") = len;
	register int r0 asm("r0");

	asm volatile(EXPRESSION_TEXT(EXPRESSION_ROOM)
		     : "=r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
		     :
		     : "r4", "r5", "r6", "r7", "r8", "r9", "memory");
	return r0;
}

#endif
#endif

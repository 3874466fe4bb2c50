/* SPDX-License-Identifier: GPL-2.0-only */
/* context.h - what the steps of a capture program hand on to each other, beside the packet. */
#ifndef HTTPLAT_CONTEXT_H
#define HTTPLAT_CONTEXT_H

/* What is known about a packet's connection, beside the packet. */
struct context {
	struct conn_state *st;
	struct bpf_sock *sk; /* full, not listening; NULL: none */
	__u64 cookie;
	__u64 now_ns;
	__u32 hook; /* enum event_hook */
	__u32 dir;  /* enum event_dir */
	__u32 way;  /* CONN_OUT if the source stands as the local end, else CONN_IN */
	bool listener;
};

#endif

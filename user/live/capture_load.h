/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * capture_load.h - opens, configures and loads the capture programs.
 */
#ifndef HTTPLAT_CAPTURE_LOAD_H
#define HTTPLAT_CAPTURE_LOAD_H

#include "../../bpf/event.h"
/* after event.h */
#include "../../bpf/config.h"
#include "../../bpf/conn.h"
#include "live/attach.h"
#include "live/live.h"

struct capture_bpf;
struct sock_filter;

struct capture_load_options {
	enum hook hook;
	struct capture_config config;
	uint32_t ring_bytes;   /* 0: the default */
	bool need_l2, need_l3; /* tc: interfaces with and without an Ethernet header */
	bool all_programs;     /* whatever the hook: for tests */
	const struct sock_filter *expression; /* -f, over IP packets (bpf/expression.h); NULL: none */
	unsigned int expression_len;
};

/* On failure *out is untouched; -errno with *d set: what the kernel lacks, and the last words of
 * its verifier where it refused a program. *expression_err: 0; or why the expression is not in the programs, which are
 * loaded without it then. */
int capture_load(const struct capture_load_options *opt, struct capture_bpf **out,
		 int *expression_err, struct diag *d);

void capture_programs(const struct capture_bpf *skel, struct attach_progs *out);

/* NULL is fine. */
void capture_unload(struct capture_bpf *skel);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expression.h - puts -f into the capture programs before libbpf reads them (bpf/expression.h).
 */
#ifndef HTTPLAT_LIVE_EXPRESSION_H
#define HTTPLAT_LIVE_EXPRESSION_H

#include <linux/filter.h>
#include <stddef.h>

/*
 * A copy of an object file with the translation of prog[n] in its place, right-aligned: what is left of the place
 * still does nothing. 0 with *out, to be freed when the object is loaded; else as cbpf_translate() returns, -ENOENT
 * when the object has no such place, -ENOMEM.
 */
int expression_patch(const void *elf, size_t size, const struct sock_filter *prog, unsigned int n,
		     void **out);

#endif

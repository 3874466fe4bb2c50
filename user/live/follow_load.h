/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * follow_load.h - -p with --follow: loads the BPF programs that learn of forks.
 *
 * What they know is in the map `followed`, which the owner programs look into whenever a task
 * begins to use a socket. Without BTF, be it from a file, they don't load; then descent is for user
 * space to find out, from /proc, as long as the process lives (owner/descent.h), and the kernel
 * leaves nobody out.
 *
 * Order at the start: load the capture object; follow_load_open(); load the owner programs.
 */
#ifndef HTTPLAT_FOLLOW_LOAD_H
#define HTTPLAT_FOLLOW_LOAD_H

#include <stdint.h>

struct bpf_object;
struct follow_load;

/*
 * `btf`: a file with this kernel's types (btf_file.h), for one that has none itself; NULL.
 * Loads and attaches, and then puts `pid` and the descendants that it has into `followed`, which is
 * that of `capture` and has to outlive *out. 0 or -errno, with *out untouched.
 */
int follow_load_open(const struct bpf_object *capture, uint32_t pid, const char *btf,
		     struct follow_load **out);
void follow_load_close(struct follow_load *fl);

#endif

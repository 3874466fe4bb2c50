/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * btf_file.h - BTF of a kernel that has none itself, from a file: --btf.
 *
 * libbpf takes from it where members of the kernel's structures are, for programs that read them by
 * bpf_probe_read_kernel(). Programs that dereference them directly (tp_btf, iterators) need what
 * the kernel itself has.
 */
#ifndef HTTPLAT_BTF_FILE_H
#define HTTPLAT_BTF_FILE_H

#include <stdbool.h>

/* What the kernel has itself, as root and others may read it. */
#define BTF_OF_KERNEL "/sys/kernel/btf/vmlinux"

struct diag;

/* Whether the file can be taken: BTF as such, or an ELF file with it. Else -errno, with EXIT_USAGE
 * and a sentence in *d. */
int btf_file_check(const char *path, struct diag *d);

/* Whether it is of the running kernel, by a trial; also where that can't be tried (before 5.10,
 * under lockdown=confidentiality): there the programs that want it don't load either. */
bool btf_file_fits(const char *path);

#endif

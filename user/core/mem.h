/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.h - allocation against a budget, so that no input can make the middle grow without bound.
 */
#ifndef HTTPLAT_MEM_H
#define HTTPLAT_MEM_H

#include <stddef.h>

struct mem {
	size_t used, peak;
	size_t limit; /* 0: none */
};

/* Zeroed memory, charged with its size. NULL without memory or beyond the limit. */
void *mem_alloc(struct mem *mem, size_t size);

/* Grows or shrinks; the old block stays when NULL is returned. New bytes are not zeroed. */
void *mem_realloc(struct mem *mem, void *ptr, size_t old_size, size_t size);

/* `size` as it was allocated. NULL is fine. */
void mem_free(struct mem *mem, void *ptr, size_t size);

#endif

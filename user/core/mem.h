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

/*
 * Blocks of one size, of which some that were freed wait to be used again. Those that wait are charged to nobody: there
 * are few of them.
 */
struct mem_pool {
	size_t size;
	unsigned int spare_max, spare_cnt;
	void *spare; /* each begins with a pointer to the next */
};

/* Under AddressSanitizer nothing waits, so that it sees what is used after it was freed. */
void mem_pool_init(struct mem_pool *pool, size_t size, unsigned int spare_max);

/* A block, charged with its size; not zeroed. NULL without memory or beyond the limit. */
void *mem_pool_alloc(struct mem *mem, struct mem_pool *pool);

/* NULL is fine. */
void mem_pool_free(struct mem *mem, struct mem_pool *pool, void *ptr);

/* Frees what waits. */
void mem_pool_drain(struct mem_pool *pool);

#endif

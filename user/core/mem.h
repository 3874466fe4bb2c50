/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.h - allocation against a budget, so that no input can make the middle grow without bound.
 */
#ifndef HTTPLAT_MEM_H
#define HTTPLAT_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct mem {
	size_t used, peak;
	size_t limit; /* 0: none */
};

/* False: that would be beyond the limit. */
static inline bool mem_charge(struct mem *mem, size_t size)
{
	if (mem->limit && (size > mem->limit || mem->used > mem->limit - size))
		return false;
	mem->used += size;
	if (mem->used > mem->peak)
		mem->peak = mem->used;
	return true;
}

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
static inline void *mem_pool_alloc(struct mem *mem, struct mem_pool *pool)
{
	void *ptr = pool->spare;

	if (!mem_charge(mem, pool->size))
		return NULL;
	if (ptr) {
		pool->spare = *(void **)ptr;
		pool->spare_cnt--;
		return ptr;
	}
	ptr = malloc(pool->size);
	if (!ptr)
		mem->used -= pool->size;
	return ptr;
}

/* NULL is fine. */
static inline void mem_pool_free(struct mem *mem, struct mem_pool *pool, void *ptr)
{
	if (!ptr)
		return;
	mem->used -= pool->size;
	if (pool->spare_cnt == pool->spare_max) {
		free(ptr);
		return;
	}
	*(void **)ptr = pool->spare;
	pool->spare = ptr;
	pool->spare_cnt++;
}

/* Frees what waits. */
void mem_pool_drain(struct mem_pool *pool);

#endif

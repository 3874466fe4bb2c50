/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.h - allocation against a budget, so that no input can make the middle grow without bound.
 */
#ifndef HTTPLAT_MEM_H
#define HTTPLAT_MEM_H

#include <stdbool.h>
#include <stddef.h>

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

/* Brings it nearer to the processor. */
static inline void mem_prefetch(const void *at, size_t size)
{
	for (size_t i = 0; i < size; i += 64)
		__builtin_prefetch((const char *)at + i);
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

/* Where none wait, or enough do: for the two below. */
void *mem_pool_make(struct mem *mem, struct mem_pool *pool);
void mem_pool_drop(void *ptr);

/* A block, charged with its size; not zeroed. NULL without memory or beyond the limit. */
static inline void *mem_pool_alloc(struct mem *mem, struct mem_pool *pool)
{
	void *ptr = pool->spare;

	if (!mem_charge(mem, pool->size))
		return NULL;
	if (!ptr)
		return mem_pool_make(mem, pool);
	pool->spare = *(void **)ptr;
	pool->spare_cnt--;
	return ptr;
}

/* NULL is fine. */
static inline void mem_pool_free(struct mem *mem, struct mem_pool *pool, void *ptr)
{
	if (!ptr)
		return;
	mem->used -= pool->size;
	if (pool->spare_cnt == pool->spare_max) {
		mem_pool_drop(ptr);
		return;
	}
	*(void **)ptr = pool->spare;
	pool->spare = ptr;
	pool->spare_cnt++;
}

/* Frees what waits. */
void mem_pool_drain(struct mem_pool *pool);

#endif

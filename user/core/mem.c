// SPDX-License-Identifier: GPL-2.0-only
#include "mem.h"

#include <stdlib.h>

void *mem_alloc(struct mem *mem, size_t size)
{
	void *ptr;

	if (!mem_charge(mem, size))
		return NULL;
	ptr = calloc(1, size);
	if (!ptr)
		mem->used -= size;
	return ptr;
}

void *mem_realloc(struct mem *mem, void *ptr, size_t old_size, size_t size)
{
	void *grown;

	if (size > old_size && !mem_charge(mem, size - old_size))
		return NULL;
	grown = realloc(ptr, size);
	if (!grown) {
		if (size > old_size)
			mem->used -= size - old_size;
		return NULL;
	}
	if (size < old_size)
		mem->used -= old_size - size;
	return grown;
}

void mem_free(struct mem *mem, void *ptr, size_t size)
{
	if (!ptr)
		return;
	mem->used -= size;
	free(ptr);
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

void mem_pool_init(struct mem_pool *pool, size_t size, unsigned int spare_max)
{
	*pool = (struct mem_pool){.size = size, .spare_max = spare_max};
#ifdef __SANITIZE_ADDRESS__
	pool->spare_max = 0;
#endif
}

void *mem_pool_make(struct mem *mem, struct mem_pool *pool)
{
	void *ptr = malloc(pool->size);

	if (!ptr)
		mem->used -= pool->size;
	return ptr;
}

void mem_pool_drop(void *ptr)
{
	free(ptr);
}

void mem_pool_drain(struct mem_pool *pool)
{
	void *ptr;

	while ((ptr = pool->spare)) {
		pool->spare = *(void **)ptr;
		free(ptr);
	}
	pool->spare_cnt = 0;
}

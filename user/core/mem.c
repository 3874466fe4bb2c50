// SPDX-License-Identifier: GPL-2.0-only
#include "mem.h"

#include <stdlib.h>

static int mem_charge(struct mem *mem, size_t size)
{
	if (mem->limit && (size > mem->limit || mem->used > mem->limit - size))
		return 0;
	mem->used += size;
	if (mem->used > mem->peak)
		mem->peak = mem->used;
	return 1;
}

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

// SPDX-License-Identifier: GPL-2.0-only
#include "live/expression.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/expression.h"
#include "live/cbpf.h"

/* The first of EXPRESSION_ROOM `goto +0` in a row; NULL: there are none. */
static uint8_t *find_place(uint8_t *elf, size_t size)
{
	const struct bpf_insn nothing = {.code = BPF_JMP | BPF_JA};
	size_t at, run = 0;

	for (at = 0; at + sizeof(nothing) <= size; at += sizeof(nothing)) {
		if (memcmp(elf + at, &nothing, sizeof(nothing)) != 0)
			run = 0;
		else if (++run == EXPRESSION_ROOM)
			return elf + at + sizeof(nothing) - EXPRESSION_ROOM * sizeof(nothing);
	}
	return NULL;
}

int expression_patch(const void *elf, size_t size, const struct sock_filter *prog, unsigned int n,
		     void **out)
{
	struct bpf_insn *code = calloc(EXPRESSION_ROOM, sizeof(*code));
	uint8_t *copy = malloc(size), *place;
	int len = code && copy ? cbpf_translate(prog, n, code, EXPRESSION_ROOM) : -ENOMEM;

	if (len >= 0) {
		memcpy(copy, elf, size);
		place = find_place(copy, size);
		if (place)
			memcpy(place + (EXPRESSION_ROOM - (size_t)len) * sizeof(*code), code,
			       (size_t)len * sizeof(*code));
		else
			len = -ENOENT;
	}
	free(code);
	if (len < 0) {
		free(copy);
		return len;
	}
	*out = copy;
	return 0;
}

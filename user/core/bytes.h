/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bytes.h - integers in packets and files, at any alignment, and text. The caller has checked the bounds.
 */
#ifndef HTTPLAT_BYTES_H
#define HTTPLAT_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)get_le16(p + 2) << 16 | get_le16(p);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return (uint64_t)get_le32(p + 4) << 32 | get_le32(p);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

/* How many bytes at the front are printable ASCII, blanks included. */
static inline size_t printable_len(const uint8_t *p, size_t len)
{
	const uint64_t each = 0x0101010101010101;
	size_t n = 0;

	for (; len - n >= 8; n += 8) {
		uint64_t word = get_le64(p + n);
		/* Below ' ', 0x7f, above: the lowest such byte shows truly, others perhaps by a carry. */
		uint64_t odd = ((word - each * ' ') | (word + each) | word) & each * 0x80;

		if (odd)
			return n + (size_t)__builtin_ctzll(odd) / 8;
	}
	while (n < len && p[n] >= ' ' && p[n] < 0x7f)
		n++;
	return n;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include "digits.h"

const char digits_pairs[200] = {
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899"};

static unsigned int digits_of(uint64_t value)
{
	static const uint64_t power[] = {
		0,
		UINT64_C(10),
		UINT64_C(100),
		UINT64_C(1000),
		UINT64_C(10000),
		UINT64_C(100000),
		UINT64_C(1000000),
		UINT64_C(10000000),
		UINT64_C(100000000),
		UINT64_C(1000000000),
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	/* Bits to digits: 1233 / 4096 is the logarithm of 2, and right for up to 64 bits. */
	unsigned int n = (unsigned int)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;

	return n + (value >= power[n]);
}

char *digits_put(char *p, uint64_t value)
{
	char *end = p + digits_of(value), *at = end;

	for (; value >= 100; value /= 100) {
		at -= 2;
		digits_put_pair(at, (unsigned int)(value % 100));
	}
	if (value >= 10)
		digits_put_pair(at - 2, (unsigned int)value);
	else
		at[-1] = (char)('0' + value);
	return end;
}

char *digits_put_nano(char *p, uint32_t value)
{
	char *end = p + 9;

	for (p = end; p > end - 8; value /= 100) {
		p -= 2;
		digits_put_pair(p, value % 100);
	}
	p[-1] = (char)('0' + value);
	return end;
}

char *digits_put_hex(char *p, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = 56; shift >= 0; shift -= 8) {
		unsigned int byte = value >> shift & 0xff;

		*p++ = digits[byte >> 4];
		*p++ = digits[byte & 15];
	}
	return p;
}

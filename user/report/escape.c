// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <string.h>

/* Ranges of code points above U+007F that are valid but not to be trusted on a terminal. */
static const struct range {
	uint32_t first, last;
} dangerous[] = {
	{0x80, 0x9f},	    /* C1 */
	{0xad, 0xad},	    /* soft hyphen */
	{0x61c, 0x61c},	    /* Arabic letter mark */
	{0x180e, 0x180e},   /* Mongolian vowel separator */
	{0x200b, 0x200f},   /* zero-width, left-to-right and right-to-left mark */
	{0x2028, 0x202e},   /* separators, embeddings, overrides */
	{0x2060, 0x206f},   /* word joiner, isolates */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xfff9, 0xfffb},   /* interlinear annotation */
	{0xe0000, 0xe007f}, /* tags */
};

unsigned int utf8_decode(const char *src, size_t len, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)src;
	unsigned int n, i;
	uint32_t c;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	c = s[0] & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return n;
}

static bool is_dangerous(uint32_t cp)
{
	size_t i;

	if (cp < 0x80)
		return cp < 0x20 || cp == 0x7f;
	for (i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		if (cp >= dangerous[i].first && cp <= dangerous[i].last)
			return true;
	return false;
}

/* Of each byte of a word the same value. */
#define BYTES(value) (UINT64_C(0x0101010101010101) * (value))

/* Not 0 if some byte of the word is. */
static inline uint64_t zero_bytes(uint64_t word)
{
	return (word - BYTES(1)) & ~word & BYTES(0x80);
}

/* Eight bytes of printable ASCII but quotes and backslashes. */
static inline bool is_plain_word(uint64_t word)
{
	return !((word | (word + BYTES(1)) | (word - BYTES(' '))) & BYTES(0x80)) &&
	       !zero_bytes(word ^ BYTES('"')) && !zero_bytes(word ^ BYTES('\\'));
}

static uint64_t load64(const char *src)
{
	uint64_t word;

	memcpy(&word, src, sizeof(word));
	return word;
}

static uint64_t load32(const char *src)
{
	uint32_t word;

	memcpy(&word, src, sizeof(word));
	return word;
}

/* Whether that holds of all; by eights, the last ones perhaps twice. Of less than four it is not said. */
static bool is_plain_ascii(const char *src, size_t len)
{
	size_t n;

	if (len < 8)
		return len >= 4 && is_plain_word(load32(src) << 32 | load32(src + len - 4));
	for (n = 0; len - n >= 8; n += 8)
		if (!is_plain_word(load64(src + n)))
			return false;
	return n == len || is_plain_word(load64(src + len - 8));
}

static bool is_plain(const char *src, size_t len, bool json)
{
	unsigned int n;
	uint32_t cp;

	if (is_plain_ascii(src, len))
		return true;
	for (; len; src += n, len -= n) {
		n = 1;
		if (*src >= ' ' && *src <= '~' && *src != '\\' && *src != '"')
			continue;
		n = utf8_decode(src, len, &cp);
		if (!n || is_dangerous(cp) || cp == '\\' || (json && cp == '"'))
			return false;
	}
	return true;
}

bool escape_text_is_plain(const char *src, size_t len)
{
	return is_plain(src, len, false);
}

bool escape_json_is_plain(const char *src, size_t len)
{
	return is_plain(src, len, true);
}

/* At least `least` lower-case hex digits. */
static char *put_hex(char *dst, uint32_t value, unsigned int least)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 28;

	while (shift > 0 && shift / 4 >= (int)least && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*dst++ = digits[value >> shift & 0xf];
	return dst;
}

static char *put(char *dst, const char *s)
{
	size_t n = strlen(s);

	memcpy(dst, s, n);
	return dst + n;
}

size_t escape_text(char *dst, const char *src, size_t len)
{
	char *p = dst;
	unsigned int n;
	uint32_t cp;

	for (; len; src += n, len -= n) {
		n = utf8_decode(src, len, &cp);
		if (!n) {
			p = put_hex(put(p, "\\x"), (unsigned char)*src, 2);
			n = 1;
		} else if (cp == '\\') {
			p = put(p, "\\\\");
		} else if (!is_dangerous(cp)) {
			memcpy(p, src, n);
			p += n;
		} else if (cp < 0x80) {
			p = put_hex(put(p, "\\x"), cp, 2);
		} else {
			p = put(put_hex(put(p, "\\u{"), cp, 2), "}");
		}
	}
	return (size_t)(p - dst);
}

static char *put_json_escape(char *p, uint32_t cp)
{
	switch (cp) {
	case '\n':
		return put(p, "\\n");
	case '\r':
		return put(p, "\\r");
	case '\t':
		return put(p, "\\t");
	}
	if (cp < 0x10000)
		return put_hex(put(p, "\\u"), cp, 4);
	cp -= 0x10000;
	p = put_hex(put(p, "\\u"), 0xd800 | cp >> 10, 4);
	return put_hex(put(p, "\\u"), 0xdc00 | (cp & 0x3ff), 4);
}

size_t escape_json(char *dst, const char *src, size_t len)
{
	char *p = dst;
	unsigned int n;
	uint32_t cp;

	for (; len; src += n, len -= n) {
		n = utf8_decode(src, len, &cp);
		if (!n) {
			p = put_hex(put(p, "\\u"), 0xdc00 | (unsigned char)*src, 4);
			n = 1;
		} else if (cp == '"' || cp == '\\') {
			*p++ = '\\';
			*p++ = (char)cp;
		} else if (is_dangerous(cp)) {
			p = put_json_escape(p, cp);
		} else {
			memcpy(p, src, n);
			p += n;
		}
	}
	return (size_t)(p - dst);
}

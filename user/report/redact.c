// SPDX-License-Identifier: GPL-2.0-only
#include "redact.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* of a normalised name: what credentials are called is shorter */

struct word {
	const char *text;
	uint8_t len;
	bool whole; /* only if it is all of the name */
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Long words: the name's ending ("access_token", "X-Amz-Signature", "user[password]"). */
#define ENDING(w)                                                                                  \
	{                                                                                          \
		w, sizeof(w) - 1, false                                                            \
	}
/* Short words: as an ending they would hit "monkey" and "design". */
#define WHOLE(w)                                                                                   \
	{                                                                                          \
		w, sizeof(w) - 1, true                                                             \
	}
#define WORDS(...)                                                                                 \
	(const struct word[])                                                                      \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, 0, false                                                             \
		}                                                                                  \
	}

/* By their last letter, so that a name is compared with few of them. */
static const struct word *const words[] = {
	['c' - 'a'] = WORDS(WHOLE("hmac")),
	['d' - 'a'] = WORDS(ENDING("password"), ENDING("passwd"), ENDING("accesskeyid"),
			    ENDING("sessionid"), WHOLE("sid"), WHOLE("pwd"), WHOLE("sessid"),
			    WHOLE("phpsessid")),
	['e' - 'a'] = WORDS(ENDING("passphrase"), ENDING("signature"), ENDING("authcode"),
			    ENDING("samlresponse"), WHOLE("code"), WHOLE("cookie"),
			    WHOLE("setcookie")),
	['g' - 'a'] = WORDS(WHOLE("sig")),
	['h' - 'a'] = WORDS(WHOLE("auth")),
	['l' - 'a'] = WORDS(ENDING("credential")),
	['n' - 'a'] = WORDS(ENDING("token"), ENDING("authorization"), ENDING("assertion"),
			    WHOLE("session"), WHOLE("pin")),
	['p' - 'a'] = WORDS(WHOLE("otp")),
	['r' - 'a'] = WORDS(ENDING("verifier"), ENDING("bearer")),
	['s' - 'a'] = WORDS(ENDING("credentials"), WHOLE("pass")),
	['t' - 'a'] = WORDS(ENDING("secret"), WHOLE("jwt"), WHOLE("ticket")),
	['y' - 'a'] = WORDS(ENDING("apikey"), ENDING("accesskey"), ENDING("privatekey"),
			    ENDING("secretkey"), ENDING("sharedkey"), ENDING("subscriptionkey"),
			    ENDING("authkey"), ENDING("sessionkey"), WHOLE("key")),
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In lower case; 0: neither letter nor digit. */
static char fold(char c)
{
	static const char folded[256] = {
		['0'] = '0',	  ['1'] = '1',	    ['2'] = '2',      ['3'] = '3',
		['4'] = '4',	  ['5'] = '5',	    ['6'] = '6',      ['7'] = '7',
		['8'] = '8',	  ['9'] = '9',
#define LETTER(upper, lower) [upper] = lower, [lower] = lower
		LETTER('A', 'a'), LETTER('B', 'b'), LETTER('C', 'c'), LETTER('D', 'd'),
		LETTER('E', 'e'), LETTER('F', 'f'), LETTER('G', 'g'), LETTER('H', 'h'),
		LETTER('I', 'i'), LETTER('J', 'j'), LETTER('K', 'k'), LETTER('L', 'l'),
		LETTER('M', 'm'), LETTER('N', 'n'), LETTER('O', 'o'), LETTER('P', 'p'),
		LETTER('Q', 'q'), LETTER('R', 'r'), LETTER('S', 's'), LETTER('T', 't'),
		LETTER('U', 'u'), LETTER('V', 'v'), LETTER('W', 'w'), LETTER('X', 'x'),
		LETTER('Y', 'y'), LETTER('Z', 'z'),
#undef LETTER
	};

	return folded[(uint8_t)c];
}

/*
 * The last NAME_MAX_LEN letters and digits of a parameter's name, percent-decoded and in lower case.
 * Endings are what matters, so a name that is padded at its front still matches.
 */
static size_t normalise(const char *name, size_t len, char out[NAME_MAX_LEN])
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		char c = name[i];

		if (c == '%' && len - i > 2 && hex_value(name[i + 1]) >= 0 &&
		    hex_value(name[i + 2]) >= 0) {
			c = (char)(hex_value(name[i + 1]) << 4 | hex_value(name[i + 2]));
			i += 2;
		}
		c = fold(c);
		if (!c)
			continue;
		if (n == NAME_MAX_LEN) {
			memmove(out, out + 1, NAME_MAX_LEN - 1);
			n--;
		}
		out[n++] = c;
	}
	return n;
}

/* The words that end with a letter. NULL: there are none. */
static const struct word *words_with(char last)
{
	size_t n = (size_t)(uint8_t)last - 'a';

	return n < COUNT(words) ? words[n] : NULL;
}

/* What most names are not, as their last two letters tell. */
static bool may_be_secret(const char *name, size_t len)
{
	char last[2] = {0};
	const struct word *w;

	if (memchr(name, '%', len))
		return true;
	for (unsigned int n = 0; len && n < 2; len--) {
		last[n] = fold(name[len - 1]);
		n += last[n] != 0;
	}
	for (w = words_with(last[0]); w && w->text; w++)
		if (w->text[w->len - 2] == last[1])
			return true;
	return false;
}

bool redact_is_secret(const char *name, size_t len)
{
	char norm[NAME_MAX_LEN];
	const struct word *w;
	size_t n;

	if (!len || !may_be_secret(name, len))
		return false;
	n = normalise(name, len, norm);
	for (w = n ? words_with(norm[n - 1]) : NULL; w && w->text; w++)
		if ((w->whole ? n == w->len : n >= w->len) && norm[n - w->len] == w->text[0] &&
		    memcmp(norm + n - w->len, w->text, w->len) == 0)
			return true;
	return false;
}

/* What a byte of a target may end. */
enum ends {
	ENDS_AUTHORITY = 1 << 0, /* / ? # & */
	ENDS_NAME = 1 << 1,	 /* = & ; # ? */
	ENDS_VALUE = 1 << 2,	 /* & # */
	BEGINS_PARAMETER = 1 << 3, /* ? & ; # */
};

static bool may(enum ends what, char c)
{
	static const uint8_t ends[256] = {
		['/'] = ENDS_AUTHORITY,
		['='] = ENDS_NAME,
		[';'] = ENDS_NAME | BEGINS_PARAMETER,
		['?'] = ENDS_AUTHORITY | ENDS_NAME | BEGINS_PARAMETER,
		['&'] = ENDS_AUTHORITY | ENDS_NAME | ENDS_VALUE | BEGINS_PARAMETER,
		['#'] = ENDS_AUTHORITY | ENDS_NAME | ENDS_VALUE | BEGINS_PARAMETER,
	};

	return ends[(uint8_t)c] & what;
}

/* Where the target is copied to; `from` is the first byte not yet copied. */
struct copy {
	const char *target;
	char *dst;
	size_t len, from, out;
	bool changed;
};

/* Puts the replacement in place of target[start..end). */
static void hide(struct copy *c, size_t start, size_t end)
{
	memcpy(c->dst + c->out, c->target + c->from, start - c->from);
	c->out += start - c->from;
	memcpy(c->dst + c->out, REDACT_TEXT, strlen(REDACT_TEXT));
	c->out += strlen(REDACT_TEXT);
	c->from = end;
	c->changed = true;
}

/* The authority that begins at `at`: hides its user information and returns where it ends. Its last '@'
 * counts, as in browsers. */
static size_t authority(struct copy *c, size_t at)
{
	size_t end = at, user_end = at;

	for (; end < c->len && !may(ENDS_AUTHORITY, c->target[end]); end++)
		if (c->target[end] == '@')
			user_end = end;
	if (user_end > at)
		hide(c, at, user_end);
	return end;
}

/* The parameter that begins at `at`: hides its value and returns where it ends. A ';' ends it too, as some
 * servers read it so, but never a secret's value: nobody knows whose reading counts. */
static size_t parameter(struct copy *c, size_t at)
{
	size_t name_end = at, end;
	bool secret;

	while (name_end < c->len && !may(ENDS_NAME, c->target[name_end]))
		name_end++;
	if (name_end == c->len || c->target[name_end] != '=')
		return name_end;
	secret = redact_is_secret(c->target + at, name_end - at);
	if (!secret)
		return name_end + 1;
	for (end = name_end + 1; end < c->len && !may(ENDS_VALUE, c->target[end]); end++)
		;
	if (end > name_end + 1)
		hide(c, name_end + 1, end);
	return end;
}

bool redact_may_hide(const char *target, size_t len)
{
	return len && (memchr(target, '@', len) || memchr(target, '=', len));
}

size_t redact_target(char *dst, const char *target, size_t len)
{
	struct copy c = {.target = target, .dst = dst, .len = len};
	size_t at = 0;

	if (!redact_may_hide(target, len))
		return (size_t)-1;
	if (target[0] != '/' && target[0] != '*' && !memmem(target, len, "://", 3))
		at = authority(&c, 0);
	while (at < len) {
		if (target[at] == ':' && len - at >= 3 && memcmp(target + at, "://", 3) == 0)
			at = authority(&c, at + 3);
		else if (may(BEGINS_PARAMETER, target[at]))
			at = parameter(&c, at + 1);
		else
			at++;
	}
	if (!c.changed)
		return (size_t)-1;
	memcpy(dst + c.out, target + c.from, len - c.from);
	return c.out + len - c.from;
}

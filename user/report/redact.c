// SPDX-License-Identifier: GPL-2.0-only
#include "redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* of a normalised name: what credentials are called is shorter */

struct word {
	const char *text;
	size_t len;
};

#define WORD(w)	 {w, sizeof(w) - 1}
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Short words: the whole name. As an ending they would hit "monkey" and "design". */
static const struct word whole_names[] = {
	WORD("key"), WORD("sig"), WORD("auth"), WORD("code"), WORD("jwt"), WORD("session"),
	WORD("sid"), WORD("pwd"), WORD("pass"), WORD("pin"), WORD("otp"), WORD("ticket"),
	WORD("hmac"), WORD("sessid"), WORD("phpsessid"), WORD("cookie"), WORD("setcookie"),
};

/* Long words: the name's ending ("access_token", "X-Amz-Signature", "user[password]"). */
static const struct word endings[] = {
	WORD("token"), WORD("secret"), WORD("password"), WORD("passwd"), WORD("passphrase"),
	WORD("apikey"), WORD("accesskey"), WORD("accesskeyid"), WORD("privatekey"),
	WORD("secretkey"), WORD("sharedkey"), WORD("subscriptionkey"), WORD("authkey"),
	WORD("signature"), WORD("credential"), WORD("credentials"), WORD("authorization"),
	WORD("authcode"), WORD("sessionid"), WORD("sessionkey"), WORD("assertion"),
	WORD("samlresponse"), WORD("verifier"), WORD("bearer"),
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
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
		if (!isalnum((unsigned char)c))
			continue;
		if (n == NAME_MAX_LEN) {
			memmove(out, out + 1, NAME_MAX_LEN - 1);
			n--;
		}
		out[n++] = (char)tolower((unsigned char)c);
	}
	return n;
}

bool redact_is_secret(const char *name, size_t len)
{
	char word[NAME_MAX_LEN];
	size_t i, n = normalise(name, len, word);

	for (i = 0; i < COUNT(whole_names); i++)
		if (whole_names[i].len == n && memcmp(word, whole_names[i].text, n) == 0)
			return true;
	for (i = 0; i < COUNT(endings); i++)
		if (n >= endings[i].len &&
		    memcmp(word + n - endings[i].len, endings[i].text, endings[i].len) == 0)
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

size_t redact_target(char *dst, const char *target, size_t len)
{
	struct copy c = {.target = target, .dst = dst, .len = len};
	size_t at = 0;

	if (len && target[0] != '/' && target[0] != '*' && !memmem(target, len, "://", 3))
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

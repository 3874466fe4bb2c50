// SPDX-License-Identifier: GPL-2.0-only
#include "redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* of a normalised name: what credentials are called is shorter */

/* Short words: the whole name. As an ending they would hit "monkey" and "design". */
static const char *const whole_names[] = {
	"key", "sig", "auth",	"code", "jwt",	  "session",   "sid",	 "pwd",	      "pass",
	"pin", "otp", "ticket", "hmac", "sessid", "phpsessid", "cookie", "setcookie", NULL,
};

/* Long words: the name's ending ("access_token", "X-Amz-Signature", "user[password]"). */
static const char *const endings[] = {
	"token",       "secret",	  "password",	 "passwd",     "passphrase",
	"apikey",      "accesskey",	  "accesskeyid", "privatekey", "secretkey",
	"sharedkey",   "subscriptionkey", "authkey",	 "signature",  "credential",
	"credentials", "authorization",	  "authcode",	 "sessionid",  "sessionkey",
	"assertion",   "samlresponse",	  "verifier",	 "bearer",     NULL,
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

	for (i = 0; whole_names[i]; i++)
		if (strlen(whole_names[i]) == n && memcmp(word, whole_names[i], n) == 0)
			return true;
	for (i = 0; endings[i]; i++) {
		size_t k = strlen(endings[i]);

		if (n >= k && memcmp(word + n - k, endings[i], k) == 0)
			return true;
	}
	return false;
}

/* strchr() without its habit of finding the NUL: a NUL in the target must end nothing. */
static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
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

	for (; end < c->len && !is_one_of(c->target[end], "/?#&"); end++)
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

	while (name_end < c->len && !is_one_of(c->target[name_end], "=&;#?"))
		name_end++;
	if (name_end == c->len || c->target[name_end] != '=')
		return name_end;
	secret = redact_is_secret(c->target + at, name_end - at);
	if (!secret)
		return name_end + 1;
	for (end = name_end + 1; end < c->len && !is_one_of(c->target[end], "&#"); end++)
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
		if (len - at >= 3 && memcmp(target + at, "://", 3) == 0)
			at = authority(&c, at + 3);
		else if (is_one_of(target[at], "?&;#"))
			at = parameter(&c, at + 1);
		else
			at++;
	}
	if (!c.changed)
		return (size_t)-1;
	memcpy(dst + c.out, target + c.from, len - c.from);
	return c.out + len - c.from;
}

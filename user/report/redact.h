/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * redact.h - secrets taken out of request targets before they are shown.
 *
 *	/login?user=bob&password=hunter2    →  /login?user=bob&password=REDACTED
 *	http://bob:hunter2@proxy.test/x     →  http://REDACTED@proxy.test/x
 *	/a?X-Amz-Signature=6f..&x=1         →  /a?X-Amz-Signature=REDACTED&x=1
 *
 * What counts as secret: the user information of every authority (after "://", or in a target that is
 * nothing but an authority), and the value of each parameter whose name, percent-decoded, without
 * punctuation and regardless of case, is or ends like the name of a credential. Parameters are looked for
 * after '?', '&', ';' and '#'. Pure; hostile bytes are fine.
 */
#ifndef HTTPLAT_REDACT_H
#define HTTPLAT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* A target of len bytes never becomes longer than this. */
#define REDACT_MAX(len) (6 * (size_t)(len) + 16)

/* False: there is no secret in the target, as each stands before an '@' or behind a '='. That costs next to
 * nothing. */
bool redact_may_hide(const char *target, size_t len);

/*
 * Writes target without its secrets to dst (room for REDACT_MAX(len)) and returns the bytes written.
 * Where nothing is secret it writes nothing and returns (size_t)-1, so that the common case costs no copy.
 */
size_t redact_target(char *dst, const char *target, size_t len);

/* Whether the value of a header of that name is a credential as a whole: Authorization, Cookie, X-Api-Key, ... */
bool redact_is_secret(const char *name, size_t len);

/* What stands for a secret. */
#define REDACT_TEXT "REDACTED"

#endif

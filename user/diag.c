// SPDX-License-Identifier: GPL-2.0-only
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/escape.h"

int diag_set(struct diag *d, enum exit_status status, int err, const char *fmt, ...)
{
	va_list ap;

	if (!d || d->text[0])
		return err;
	d->status = status;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	return err;
}

void diag_print(const struct diag *d, const char *who)
{
	char text[sizeof(d->text) * ESCAPE_TEXT_GROWTH];
	size_t len = escape_text(text, d->text, strlen(d->text));

	fprintf(stderr, "%s: %.*s\n", who, (int)len, text);
}

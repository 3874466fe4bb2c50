// SPDX-License-Identifier: GPL-2.0-only
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>

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

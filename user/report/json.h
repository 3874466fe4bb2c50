/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h - one JSON object a line. The keys are documented in docs/OUTPUT.md.
 *
 * What was not observed has no key; nothing is ever null. Strings are ASCII or UTF-8 as escape.h
 * describes; integers are exact.
 */
#ifndef HTTPLAT_JSON_H
#define HTTPLAT_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "../../bpf/event.h"
#include "../core/counters.h"
#include "view.h"

struct json;

/* NULL without memory. */
struct json *json_new(void);
void json_free(struct json *js);

/* Writes one line. 0, -ENOMEM, or -errno of the stream. */
int json_transaction(struct json *js, FILE *out, const struct view *v);

/* Writes {"httplat.summary": {...}}: each counter under its key, the kernel's (NULL: none) under
 * "kernel.*", and the totals that both sources have in common. */
int json_summary(struct json *js, FILE *out, const struct counters *cnt,
		 const uint64_t kernel[EVENT_CNT_MAX], uint64_t printed);

#endif

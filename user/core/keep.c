// SPDX-License-Identifier: GPL-2.0-only
#include "keep.h"

#include <string.h>

#define FIRST_BYTES 256

static size_t size_of(const struct http_kept_body *body)
{
	return body ? sizeof(*body) + body->cap : 0;
}

/* Makes room for `need` bytes in all. */
static bool grow(const struct http_env *env, struct http_msg *msg, uint32_t need)
{
	uint32_t old = msg->body ? msg->body->cap : 0, cap = old ? old : FIRST_BYTES;
	struct http_kept_body *grown;
	struct mem *mem = env->mem;

	if (need <= old)
		return true;
	while (cap < need)
		cap *= 2;
	if (cap > env->body_bytes)
		cap = env->body_bytes;
	if (mem->limit && mem->used + (cap - old) > mem->limit / 2)
		return false;
	grown = mem_realloc(mem, msg->body, size_of(msg->body), sizeof(*grown) + cap);
	if (!grown)
		return false;
	if (!msg->body)
		grown->len = 0;
	grown->cap = cap;
	msg->body = grown;
	return true;
}

void keep_body(const struct http_env *env, struct http_msg *msg, const char *at, size_t len)
{
	uint32_t have = msg->body ? msg->body->len : 0, room = env->body_bytes - have;

	if (msg->body_cut || !room || !len)
		return;
	if (len > room)
		len = room;
	if (!grow(env, msg, have + (uint32_t)len)) {
		env->cnt->memory_bodies++;
		msg->body_cut = true;
		return;
	}
	memcpy(msg->body->bytes + have, at, len);
	msg->body->len += (uint32_t)len;
}

bool keep_wants(const struct http_env *env, const struct http_msg *msg)
{
	return env->body_bytes && !msg->body_cut &&
	       (!msg->body || msg->body->len < env->body_bytes);
}

void keep_cut(const struct http_env *env, struct http_msg *msg)
{
	if (keep_wants(env, msg))
		msg->body_cut = true;
}

void keep_free(const struct http_env *env, struct http_msg *msg)
{
	if (msg->body)
		mem_free(env->mem, msg->body, size_of(msg->body));
}

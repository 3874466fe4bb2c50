// SPDX-License-Identifier: GPL-2.0-only
#include "startline.h"

#include <llhttp.h>
#include <string.h>

struct method {
	const char *name;
	uint8_t len;
};

static const struct method methods[] = {
#define METHOD(num, name, string) { #string, sizeof(#string) - 1 },
	HTTP_METHOD_MAP(METHOD)
#undef METHOD
};

#define METHOD_CNT (sizeof(methods) / sizeof(methods[0]))

/* What follows a method: a blank and the first byte of a target, RFC 9112 §3.2 */
static enum startline probe_target(const uint8_t *data, size_t len, size_t method_len)
{
	if (len <= method_len + 1)
		return STARTLINE_MAYBE;
	return data[method_len + 1] > ' ' && data[method_len + 1] != 0x7f ? STARTLINE_REQUEST :
									     STARTLINE_NO;
}

static enum startline probe_known_method(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < METHOD_CNT; i++) {
		size_t n = methods[i].len;

		if (data[0] != (uint8_t)methods[i].name[0])
			continue;
		if (memcmp(methods[i].name, data, len < n ? len : n))
			continue;
		if (len <= n)
			return STARTLINE_MAYBE;
		if (data[n] == ' ')
			return probe_target(data, len, n);
	}
	return STARTLINE_NO;
}

/* An extension method (RFC 9110 §16.1): only with the whole line at hand. */
static enum startline probe_extension_method(const uint8_t *data, size_t len)
{
	static const char version[] = " HTTP/1.";
	const uint8_t *end = memchr(data, '\n', len);
	size_t n = 0, line;

	if (!end)
		return STARTLINE_NO;
	while (n < len && n < STARTLINE_METHOD_MAX &&
	       ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '_' || data[n] == '-'))
		n++;
	if (n < 2 || data[n] != ' ')
		return STARTLINE_NO;
	line = end - data;
	if (line && data[line - 1] == '\r')
		line--;
	if (line < n + 2 + sizeof(version))
		return STARTLINE_NO;
	if (memcmp(data + line - sizeof(version), version, sizeof(version) - 1))
		return STARTLINE_NO;
	return STARTLINE_REQUEST;
}

enum startline startline_probe(const uint8_t *data, size_t len)
{
	static const char http[] = "HTTP/1.";
	enum startline s;

	if (!len)
		return STARTLINE_MAYBE;
	if (!memcmp(data, http, len < sizeof(http) - 1 ? len : sizeof(http) - 1)) {
		if (len < sizeof(http))
			return STARTLINE_MAYBE;
		return data[sizeof(http) - 1] >= '0' && data[sizeof(http) - 1] <= '9' ?
			       STARTLINE_RESPONSE :
			       STARTLINE_NO;
	}
	s = probe_known_method(data, len);
	return s == STARTLINE_NO ? probe_extension_method(data, len) : s;
}

enum protocol startline_protocol(const uint8_t *data, size_t len)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	if (len >= 3 && data[0] == 0x16 && data[1] == 0x03 && data[2] <= 0x04)
		return PROTOCOL_TLS;
	if (len >= 14 && !memcmp(data, preface, len < sizeof(preface) - 1 ? len : sizeof(preface) - 1))
		return PROTOCOL_HTTP2;
	return PROTOCOL_OTHER;
}

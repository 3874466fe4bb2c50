/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * startline.h - a protocol is recognised by its bytes, never by its port.
 */
#ifndef HTTPLAT_STARTLINE_H
#define HTTPLAT_STARTLINE_H

#include <stddef.h>
#include <stdint.h>

/* Longest method that is taken for one. */
#define STARTLINE_METHOD_MAX 31
/* So many bytes decide for every method of the list. */
#define STARTLINE_PROBE_MAX 24

enum startline {
	STARTLINE_NO = 0,
	STARTLINE_MAYBE,    /* too short to tell, but it may become one */
	STARTLINE_REQUEST,  /* RFC 9112 §3 */
	STARTLINE_RESPONSE, /* RFC 9112 §4 */
};

/* What a message that begins with these bytes would be. A method that is not registered counts only where
 * the whole request line is there and ends in HTTP/1.x. */
enum startline startline_probe(const uint8_t *data, size_t len);

enum protocol {
	PROTOCOL_UNKNOWN = 0,
	PROTOCOL_TLS,   /* RFC 8446 §5.1: a handshake record */
	PROTOCOL_HTTP2, /* RFC 9113 §3.4: the connection preface */
	PROTOCOL_OTHER,
};

/* The first bytes of a stream that is not HTTP/1. */
enum protocol startline_protocol(const uint8_t *data, size_t len);

#endif

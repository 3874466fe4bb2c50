// SPDX-License-Identifier: GPL-2.0-only
#include "reqfilter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target.h"

/* Longer ones are compared by their beginning, which a pattern can only match if it ends with
 * '*'. */
#define SUBJECT_MAX 8192

/* --- parsing ---------------------------------------------------------------------------------- */

static int too_many(const char *option, struct diag *d)
{
	return diag_set(d, EXIT_USAGE, -EINVAL, "%s: it takes at most %d of them", option,
			REQFILTER_MAX);
}

/* Takes the next of a list with commas; false at its end. */
static bool next_of(const char **text, struct slice *out)
{
	size_t len;

	if (!*text)
		return false;
	len = strcspn(*text, ",");
	*out = (struct slice){*text, (uint32_t)len};
	*text = (*text)[len] ? *text + len + 1 : NULL;
	return true;
}

/* Names into a list of slices. */
static int add_names(const char *option, struct slice *list, unsigned int *cnt, const char *text,
		     struct diag *d)
{
	struct slice s;

	while (next_of(&text, &s)) {
		if (!s.len)
			return diag_set(d, EXIT_USAGE, -EINVAL, "%s: the name is empty", option);
		if (*cnt == REQFILTER_MAX)
			return too_many(option, d);
		list[(*cnt)++] = s;
	}
	return 0;
}

int reqfilter_add_method(struct reqfilter *f, const char *text, struct diag *d)
{
	return add_names("-m", f->methods, &f->method_cnt, text, d);
}

int reqfilter_add_host(struct reqfilter *f, const char *text, struct diag *d)
{
	return add_names("--host", f->hosts, &f->host_cnt, text, d);
}

int reqfilter_add_path(struct reqfilter *f, const char *text, struct diag *d)
{
	if (text[0] != '/' && text[0] != '*')
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--path: '%.80s' matches no path: they begin with '/' (or write "
				"'*%.80s')",
				text, text);
	if (f->path_cnt == REQFILTER_MAX)
		return too_many("--path", d);
	f->paths[f->path_cnt++] = text;
	return 0;
}

/* Three digits at *p, of which "xx" may stand for the last two; moves on behind them. */
static bool take_code(const char **p, const char *end, struct reqfilter_status *s)
{
	const char *t = *p;

	if (end - t < 3 || t[0] < '1' || t[0] > '9')
		return false;
	if (tolower(t[1]) == 'x' && tolower(t[2]) == 'x') {
		s->low = (uint16_t)((t[0] - '0') * 100);
		s->high = s->low + 99;
	} else if (isdigit((unsigned char)t[1]) && isdigit((unsigned char)t[2])) {
		s->low = s->high =
			(uint16_t)((t[0] - '0') * 100 + (t[1] - '0') * 10 + (t[2] - '0'));
	} else {
		return false;
	}
	*p = t + 3;
	return true;
}

/* A comparison before a code; 0: there is none. */
static char take_comparison(const char **p, const char *end, bool *or_equal)
{
	char c = *p < end ? **p : 0;

	if (c != '<' && c != '>')
		return 0;
	++*p;
	*or_equal = *p < end && **p == '=';
	*p += *or_equal;
	return c;
}

static bool parse_status(struct slice text, struct reqfilter_status *out)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	struct reqfilter_status a, b;
	bool or_equal = false;
	char compare = take_comparison(&p, end, &or_equal);

	if (!take_code(&p, end, &a))
		return false;
	*out = a;
	if (compare == '>') {
		out->low = or_equal ? a.low : a.high + 1;
		out->high = 999;
	} else if (compare == '<') {
		out->low = 0;
		out->high = or_equal ? a.high : a.low ? a.low - 1 : 0;
	} else if (p < end && *p == '-') {
		p++;
		if (!take_code(&p, end, &b))
			return false;
		out->high = b.high;
	}
	return p == end && out->low <= out->high;
}

int reqfilter_add_status(struct reqfilter *f, const char *text, struct diag *d)
{
	const char *rest = text;
	struct slice s;

	while (next_of(&rest, &s)) {
		if (f->status_cnt == REQFILTER_MAX)
			return too_many("--status", d);
		if (!parse_status(s, &f->statuses[f->status_cnt++]))
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--status: '%.40s' is no status; write 404, 5xx, 400-499 "
					"or '>=400'",
					text);
	}
	return 0;
}

static bool parse_net(struct slice text, struct reqfilter_net *out)
{
	char copy[INET6_ADDRSTRLEN + 4], *slash, *end;
	unsigned long most, bits;
	bool v4;

	if (!text.len || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = 0;
	memset(out, 0, sizeof(*out));
	v4 = !strchr(copy, ':');
	if (inet_pton(v4 ? AF_INET : AF_INET6, copy, v4 ? out->addr + 12 : out->addr) != 1)
		return false;
	if (v4)
		out->addr[10] = out->addr[11] = 0xff;
	most = v4 ? 32 : 128;
	bits = most;
	if (slash) {
		bits = strtoul(slash, &end, 10);
		if (!isdigit((unsigned char)*slash) || *end || bits > most)
			return false;
	}
	out->bits = (uint8_t)(v4 ? bits + 96 : bits);
	return true;
}

int reqfilter_add_remote(struct reqfilter *f, const char *text, struct diag *d)
{
	const char *rest = text;
	struct slice s;

	while (next_of(&rest, &s)) {
		if (f->remote_cnt == REQFILTER_MAX)
			return too_many("--remote", d);
		if (!parse_net(s, &f->remotes[f->remote_cnt++]))
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--remote: '%.80s' is no address; write 10.0.0.7, "
					"10.0.0.0/8 or 2001:db8::/32",
					text);
	}
	return 0;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool equals(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* fnmatch(3) of slices. A NUL cannot be in a target or a header's value that was parsed. */
static bool glob(struct slice pattern, struct slice subject, int flags)
{
	char p[256], s[SUBJECT_MAX];

	if (pattern.len >= sizeof(p))
		return equals(pattern, subject);
	memcpy(p, pattern.ptr, pattern.len);
	p[pattern.len] = 0;
	if (subject.len >= sizeof(s))
		subject.len = sizeof(s) - 1;
	memcpy(s, subject.ptr, subject.len);
	s[subject.len] = 0;
	return fnmatch(p, s, flags) == 0;
}

static bool match_method(const struct reqfilter *f, const struct transaction *tx)
{
	for (unsigned int i = 0; i < f->method_cnt; i++)
		if (equals(f->methods[i], tx->method))
			return true;
	return !f->method_cnt;
}

static bool match_path(const struct reqfilter *f, const struct transaction *tx)
{
	struct slice path, query;

	if (!f->path_cnt)
		return true;
	target_split(tx->target, &path, &query);
	for (unsigned int i = 0; path.len && i < f->path_cnt; i++)
		if (glob((struct slice){f->paths[i], (uint32_t)strlen(f->paths[i])}, path, 0))
			return true;
	return false;
}

/* RFC 3986 §3.2: host [":" port], where the host may be an IPv6 address in brackets. */
static struct slice without_port(struct slice host)
{
	uint32_t i = host.len;

	while (i && isdigit((unsigned char)host.ptr[i - 1]))
		i--;
	if (i && host.ptr[i - 1] == ':')
		host.len = i - 1;
	return host;
}

static bool match_host(const struct reqfilter *f, const struct transaction *tx)
{
	struct slice host;

	if (!f->host_cnt)
		return true;
	host = target_header(&tx->req, "host");
	for (unsigned int i = 0; host.len && i < f->host_cnt; i++)
		if (glob(f->hosts[i], host, FNM_CASEFOLD) ||
		    glob(f->hosts[i], without_port(host), FNM_CASEFOLD))
			return true;
	return false;
}

static bool match_status(const struct reqfilter *f, const struct transaction *tx)
{
	for (unsigned int i = 0; tx->status && i < f->status_cnt; i++)
		if (tx->status >= f->statuses[i].low && tx->status <= f->statuses[i].high)
			return true;
	return !f->status_cnt;
}

static bool is_within(const struct reqfilter_net *net, const uint8_t addr[16])
{
	unsigned int whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr, whole) != 0)
		return false;
	return !rest || !((net->addr[whole] ^ addr[whole]) >> (8 - rest));
}

static bool match_remote(const struct reqfilter *f, const struct transaction *tx)
{
	for (unsigned int i = 0; i < f->remote_cnt; i++) {
		if (tx->side != SIDE_CLIENT && is_within(&f->remotes[i], tx->client.addr))
			return true;
		if (tx->side != SIDE_SERVER && is_within(&f->remotes[i], tx->server.addr))
			return true;
	}
	return !f->remote_cnt;
}

bool reqfilter_is_error(const struct transaction *tx)
{
	return tx->status >= 400 || tx->flags & (TX_NO_RESPONSE | TX_RESET);
}

bool reqfilter_match(const struct reqfilter *f, const struct transaction *tx)
{
	if (f->slow_ns && (!tx->has_latency || tx->latency_ns < f->slow_ns))
		return false;
	if (f->errors && !reqfilter_is_error(tx))
		return false;
	return match_method(f, tx) && match_status(f, tx) && match_remote(f, tx) &&
	       match_host(f, tx) && match_path(f, tx);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "live/localaddr.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_NS 1000000000ull

struct localaddr {
	uint8_t (*addrs)[16]; /* sorted */
	size_t cnt;
	bool unreadable;
	uint64_t next_ns; /* not read again before */
};

struct localaddr *localaddr_new(void)
{
	return calloc(1, sizeof(struct localaddr));
}

void localaddr_free(struct localaddr *la)
{
	if (!la)
		return;
	free(la->addrs);
	free(la);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool to_bytes(const struct sockaddr *sa, uint8_t out[16])
{
	if (sa && sa->sa_family == AF_INET) {
		memset(out, 0, 10);
		memset(out + 10, 0xff, 2);
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return true;
	}
	if (sa && sa->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool take(struct localaddr *la, const struct ifaddrs *list)
{
	const struct ifaddrs *ifa;
	size_t cnt = 0;

	for (ifa = list; ifa; ifa = ifa->ifa_next)
		cnt++;
	free(la->addrs);
	la->cnt = 0;
	la->addrs = calloc(cnt + 1, sizeof(*la->addrs));
	if (!la->addrs)
		return false;
	for (ifa = list; ifa; ifa = ifa->ifa_next)
		if (to_bytes(ifa->ifa_addr, la->addrs[la->cnt]))
			la->cnt++;
	qsort(la->addrs, la->cnt, sizeof(*la->addrs), compare);
	return true;
}

static void refresh(struct localaddr *la)
{
	struct ifaddrs *list;

	la->unreadable = true;
	if (getifaddrs(&list) == 0) {
		la->unreadable = !take(la, list);
		freeifaddrs(list);
	}
}

static bool is_loopback(const struct endpoint *e)
{
	static const uint8_t v4[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };
	static const uint8_t v6[16] = { [15] = 1 };

	return !memcmp(e->addr, v4, sizeof(v4)) || !memcmp(e->addr, v6, sizeof(v6));
}

bool localaddr_has(struct localaddr *la, const struct endpoint *e, uint64_t now_ns)
{
	if (is_loopback(e))
		return true;
	if (la->cnt && bsearch(e->addr, la->addrs, la->cnt, sizeof(*la->addrs), compare))
		return true;
	if (now_ns >= la->next_ns) {
		la->next_ns = now_ns + REFRESH_NS;
		refresh(la);
		return la->unreadable ||
		       bsearch(e->addr, la->addrs, la->cnt, sizeof(*la->addrs), compare);
	}
	return la->unreadable;
}

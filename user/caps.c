// SPDX-License-Identifier: GPL-2.0-only
#include "caps.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS  _LINUX_CAPABILITY_U32S_3
#define NOBODY 65534

static const struct cap_use uses[] = {
	{CAP_BPF, "CAP_BPF", "loading BPF programs and maps", NULL},
	{CAP_PERFMON, "CAP_PERFMON", "reading packets in BPF, and owners", NULL},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN", "attaching to cgroups and interfaces",
	 "only --hook socket is to be had"},
	{CAP_NET_RAW, "CAP_NET_RAW", "--hook socket", "--hook socket is not to be had"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "--netns, and cgroup2 where it is not mounted",
	 "other network namespaces cannot be entered"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "what /proc tells of other users' processes",
	 "owners of sockets older than the trace may be unknown, and names of containers in "
	 "containers"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH",
	 "paths of cgroups by their id, and files of container runtimes",
	 "cgroups that end early may have no path, and containers no name"},
};

struct sets {
	uint64_t effective, permitted;
};

static int get(struct sets *s)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct w[WORDS] = {0};

	if (syscall(SYS_capget, &hdr, w))
		return -errno;
	s->effective = (uint64_t)w[1].effective << 32 | w[0].effective;
	s->permitted = (uint64_t)w[1].permitted << 32 | w[0].permitted;
	return 0;
}

/* Nothing is inherited, so nothing is ambient. */
static int set(const struct sets *s)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct w[WORDS] = {
		{(uint32_t)s->effective, (uint32_t)s->permitted, 0},
		{(uint32_t)(s->effective >> 32), (uint32_t)(s->permitted >> 32), 0},
	};

	return syscall(SYS_capset, &hdr, w) ? -errno : 0;
}

const struct cap_use *caps_use(unsigned int n)
{
	return n < sizeof(uses) / sizeof(uses[0]) ? &uses[n] : NULL;
}

bool caps_have(unsigned int cap)
{
	struct sets s;

	if (get(&s))
		return false;
	if (s.effective & CAPS(CAP_SYS_ADMIN))
		s.effective |= CAPS(CAP_BPF) | CAPS(CAP_PERFMON);
	return s.effective & CAPS(cap);
}

int caps_require(uint64_t required, struct diag *d)
{
	const struct cap_use *use;
	char list[128] = "";
	size_t len = 0;
	unsigned int i;
	int missing = 0;

	for (i = 0; (use = caps_use(i)); i++) {
		if (!(required & CAPS(use->cap)) || caps_have(use->cap))
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", missing ? ", " : "",
					use->name);
		missing++;
	}
	if (!missing)
		return 0;
	return diag_set(d, EXIT_UNSUPPORTED, -EPERM,
			"not permitted: %s %s missing; run as root (sudo httplat ...)", list,
			missing > 1 ? "are" : "is");
}

static int reduce(struct sets *s, uint64_t kept)
{
	s->effective &= kept;
	s->permitted &= kept;
	return set(s);
}

int caps_keep(uint64_t kept)
{
	struct sets s;
	int err = get(&s);

	return err ? err : reduce(&s, kept);
}

int caps_keep_reading(uint64_t kept)
{
	struct sets s;
	int err = get(&s);

	if (err)
		return err;
	/* For this thread alone, unlike the C library's functions. Without the capabilities for
	 * it they fail, and then there is little to lose. */
	if ((s.permitted & kept & CAPS_NAMES) == CAPS_NAMES) {
		(void)!syscall(SYS_setgroups, 0, NULL);
		(void)!syscall(SYS_setfsgid, NOBODY);
		(void)!syscall(SYS_setfsuid,
			       NOBODY); /* clears some effective ones, hence the order */
	}
	return reduce(&s, kept);
}

bool caps_needed(uint64_t tried, bool (*works)(void *ctx), void *ctx)
{
	struct sets before, without;
	bool needed;

	if (get(&before))
		return true;
	without = before;
	without.effective &= ~tried;
	if (set(&without))
		return true;
	needed = !works(ctx);
	return set(&before) || needed;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "live/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t effective(void)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &hdr, data))
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static uint64_t bit(unsigned int cap)
{
	return (uint64_t)1 << cap;
}

bool caps_have(unsigned int cap)
{
	uint64_t have = effective();

	if (have & bit(CAP_SYS_ADMIN))
		have |= bit(CAP_BPF) | bit(CAP_PERFMON);
	return have & bit(cap);
}

int caps_require(uint64_t mask, struct diag *d)
{
	static const struct {
		unsigned int cap;
		const char *name;
	} names[] = {
		{CAP_BPF, "CAP_BPF"},
		{CAP_PERFMON, "CAP_PERFMON"},
		{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{CAP_NET_RAW, "CAP_NET_RAW"},
		{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	};
	char list[128] = "";
	size_t i, len = 0;
	int missing = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(mask & bit(names[i].cap)) || caps_have(names[i].cap))
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", missing ? ", " : "",
					names[i].name);
		missing++;
	}
	if (!missing)
		return 0;
	return diag_set(d, EXIT_UNSUPPORTED, -EPERM,
			"not permitted: %s %s missing; run as root (sudo httplat ...)", list,
			missing > 1 ? "are" : "is");
}

// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf_here.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel knows the call when it finds its arguments wrong. */
static bool has_bpf_call(void)
{
	return syscall(SYS_bpf, -1, NULL, 0) == 0 || errno != ENOSYS;
}

bool bpf_is_here(uint64_t caps)
{
	return has_bpf_call() && !caps_require(caps, NULL);
}

static void is_here(void **state)
{
	print_message(has_bpf_call() ? "BPF is not permitted here: run as root\n"
				     : "there is no bpf(2) here (an emulator of system calls?)\n");
	skip();
}

const struct CMUnitTest bpf_refused_tests[1] = {cmocka_unit_test(is_here)};

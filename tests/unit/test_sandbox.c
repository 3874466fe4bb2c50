// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a sandboxed process may do and what it may not: each call is made by a process of its own,
 * once before it enters the sandbox (there it works, or fails for another reason) and once inside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "caps.h"
#include "sandbox.h"

/* Exit status of a process in which the sandbox itself failed, and of one without an answer. */
#define NO_SANDBOX 250
#define NO_ANSWER  251

/* All return 0 or an errno. */
typedef int (*attempt_fn)(void);

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

/* --- what is tried ---------------------------------------------------------------------------- */

static int read_a_file(void)
{
	return result(syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC));
}

static int write_a_file(void)
{
	return result(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY));
}

static int make_a_file(void)
{
	char path[] = "/tmp/httplat-test-sandbox-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return errno;
	close(fd);
	return result(unlink(path));
}

static int execute(void)
{
	char *const argv[] = {"true", NULL};

	return result(syscall(SYS_execve, "/bin/no-such-program", argv, NULL)) == ENOENT ? 0
											 : errno;
}

static int make_a_process(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return result(pid);
}

static int trace_a_process(void)
{
	return result(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static int connect_somewhere(void)
{
	return result(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
}

static int listen_to_netlink(void)
{
	return result(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0));
}

static int map_a_program(void)
{
	return result(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int map_memory(void)
{
	return result(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int change_namespace(void)
{
	return result(syscall(SYS_setns, -1, 0)) == EBADF ? 0 : errno;
}

/* Neither knows the descriptor: that they say so is their answer. */
static int bpf_call(int command)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)-1;
	return result(syscall(SYS_bpf, command, &attr, sizeof(attr))) == ENOSYS ? ENOSYS : 0;
}

static int load_a_program(void)
{
	return bpf_call(BPF_PROG_LOAD);
}

static int use_a_map(void)
{
	return bpf_call(BPF_MAP_LOOKUP_ELEM);
}

static pid_t parent;

static int signal_another(void)
{
	return result(syscall(SYS_kill, parent, 0));
}

static int signal_itself(void)
{
	return result(syscall(SYS_kill, getpid(), 0));
}

static int type_for_the_user(void)
{
	char c = 'x';

	return result(syscall(SYS_ioctl, -1, 0x5412 /* TIOCSTI */, &c)) == ENOSYS ? ENOSYS : 0;
}

/* Another thread, made before: it is restricted too. */
static pthread_mutex_t entered = PTHREAD_MUTEX_INITIALIZER;

static void *execute_later(void *arg)
{
	pthread_mutex_lock(&entered);
	*(int *)arg = execute();
	pthread_mutex_unlock(&entered);
	return NULL;
}

/* --- inside and outside ----------------------------------------------------------------------- */

/* errno of the attempt inside, or the signal that ended it, negative. */
static int inside(const struct sandbox *sb, const char *mode, attempt_fn attempt)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (mode)
			setenv("HTTPLAT_SECCOMP", mode, 1);
		else
			unsetenv("HTTPLAT_SECCOMP");
		_exit(sb && sandbox_enter(sb) ? NO_SANDBOX : attempt());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	assert_int_not_equal(WEXITSTATUS(status), NO_SANDBOX);
	return WEXITSTATUS(status);
}

static const struct sandbox offline = {0}, live = {.live = true},
			    interfaces = {.live = true, .interfaces = true},
			    saving = {.makes_files = true};

static void check_allowed(const struct sandbox *sb, attempt_fn attempt)
{
	assert_int_equal(inside(sb, "kill", attempt), 0);
}

static void check_refused(const struct sandbox *sb, attempt_fn attempt)
{
	assert_int_equal(inside(NULL, NULL, attempt), 0);
	assert_int_equal(inside(sb, NULL, attempt), ENOSYS);
	assert_int_equal(inside(sb, "kill", attempt), -SIGSYS);
	assert_int_equal(inside(sb, "off", attempt), 0);
}

static void test_nobody_may(void **state)
{
	static const attempt_fn attempts[] = {
		execute,	make_a_process, trace_a_process,   connect_somewhere, map_a_program,
		load_a_program, signal_another, type_for_the_user, change_namespace,
	};
	size_t i;

	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		check_refused(&offline, attempts[i]);
		check_refused(&live, attempts[i]);
		check_refused(&saving, attempts[i]);
	}
}

static void test_everybody_may(void **state)
{
	check_allowed(&offline, map_memory);
	check_allowed(&offline, signal_itself);
}

static void test_files(void **state)
{
	check_refused(&offline, read_a_file);
	check_refused(&offline, write_a_file);
	check_allowed(&live, read_a_file);
	check_refused(&live, write_a_file);
	check_refused(&live, make_a_file);
	check_allowed(&saving, make_a_file);
}

static void test_maps_are_used_live(void **state)
{
	check_allowed(&live, use_a_map);
	check_refused(&offline, use_a_map);
}

static void test_interfaces(void **state)
{
	check_allowed(&interfaces, listen_to_netlink);
	check_refused(&live, listen_to_netlink);
}

static void test_the_child_may_be_ended(void **state)
{
	const struct sandbox sb = {.child = parent};

	check_allowed(&sb, signal_another);
}

static int of_another_thread(void)
{
	pthread_t thread;
	int answer = NO_ANSWER;

	pthread_mutex_lock(&entered);
	if (pthread_create(&thread, NULL, execute_later, &answer))
		return NO_ANSWER;
	if (sandbox_enter(&live))
		return NO_SANDBOX;
	pthread_mutex_unlock(&entered);
	/* pthread_join() would do, but for the sanitizer's own thread keeping. */
	while (__atomic_load_n(&answer, __ATOMIC_ACQUIRE) == NO_ANSWER)
		sched_yield();
	return answer;
}

static void test_all_threads(void **state)
{
	assert_int_equal(inside(NULL, NULL, of_another_thread), ENOSYS);
}

static int count_privileges(void)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	return caps_have(CAP_NET_ADMIN) ? 2 : caps_have(CAP_DAC_READ_SEARCH) ? 0 : 3;
}

static int without_privileges(void)
{
	const struct sandbox sb = {.live = true, .caps = CAPS_NAMES};

	if (sandbox_enter(&sb))
		return NO_SANDBOX;
	return count_privileges();
}

/* prctl() is not among what is allowed: `log` lets it pass. */
static void test_capabilities(void **state)
{
	if (!caps_have(CAP_NET_ADMIN) || !caps_have(CAP_DAC_READ_SEARCH))
		skip();
	assert_int_equal(inside(NULL, "log", without_privileges), 0);
}

static bool does_not_work(void *ctx)
{
	return false;
}

static bool is_net_admin(void *ctx)
{
	return caps_have(CAP_NET_ADMIN);
}

static void test_needed(void **state)
{
	if (!caps_have(CAP_NET_ADMIN))
		skip();
	assert_true(caps_needed(CAPS(CAP_NET_ADMIN), is_net_admin, NULL));
	assert_true(caps_have(CAP_NET_ADMIN));
	assert_false(caps_needed(CAPS(CAP_NET_RAW), is_net_admin, NULL));
	assert_true(caps_needed(CAPS(CAP_NET_RAW), does_not_work, NULL));
}

static void test_probe(void **state)
{
	assert_int_equal(sandbox_probe(), 0);
}

static void is_here(void **state)
{
	print_message("there is no seccomp(2) here (an emulator of system calls?)\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest refused[] = {cmocka_unit_test(is_here)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_may),  cmocka_unit_test(test_everybody_may),
		cmocka_unit_test(test_files),	    cmocka_unit_test(test_maps_are_used_live),
		cmocka_unit_test(test_interfaces),  cmocka_unit_test(test_the_child_may_be_ended),
		cmocka_unit_test(test_all_threads), cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_needed),
		cmocka_unit_test(test_probe),
	};

	if (prctl(PR_GET_SECCOMP) < 0)
		return cmocka_run_group_tests(refused, NULL, NULL);
	parent = getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who descends from a process, by the programs at fork and exit: real processes, and the map that
 * the owner programs look into. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bpf_here.h"
#include "live/follow_load.h"

#include "../../bpf/event.h"
/* after event.h */
#include "../../bpf/conn.h"
#include "owner.skel.h"

/* The object stands for the capture object: its maps alone. */
struct fixture {
	struct owner_bpf *maps;
	struct follow_load *fl;
};

/* A process that waits until it is told to end. */
struct child {
	pid_t pid;
	int in;
};

static int be_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bpf_program *prog;

	libbpf_set_print(be_quiet);
	*state = f;
	f->maps = owner_bpf__open();
	if (!f->maps)
		return -1;
	bpf_object__for_each_program (prog, f->maps->obj)
		bpf_program__set_autoload(prog, false);
	return owner_bpf__load(f->maps);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	follow_load_close(f->fl);
	owner_bpf__destroy(f->maps);
	free(f);
	return 0;
}

static void start(struct fixture *f, uint32_t pid)
{
	int err = follow_load_open(f->maps->obj, pid, NULL, &f->fl);

	if (err) {
		print_message("forks cannot be seen here: %s\n", strerror(-err));
		skip();
	}
}

static bool is_followed(struct fixture *f, uint32_t pid)
{
	uint8_t value;

	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.followed), &pid, &value);
}

static struct child start_child(void)
{
	struct child c;
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	c.pid = fork();
	if (!c.pid) {
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) != 1);
	}
	close(fds[0]);
	c.in = fds[1];
	return c;
}

static void end_child(struct child *c)
{
	int status;

	/* A byte and not the end: children that came later hold the pipe as well. */
	assert_int_equal(write(c->in, "", 1), 1);
	close(c->in);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_forks(void **state)
{
	struct fixture *f = *state;
	struct child before = start_child(), after;

	start(f, getpid());
	assert_true(is_followed(f, getpid()));
	assert_true(is_followed(f, before.pid));
	assert_false(is_followed(f, getppid()));
	assert_false(is_followed(f, 1));
	after = start_child();
	assert_true(is_followed(f, after.pid));
	/* A pid that is free again means nobody. */
	end_child(&before);
	assert_false(is_followed(f, before.pid));
	assert_true(is_followed(f, after.pid));
	end_child(&after);
	assert_false(is_followed(f, after.pid));
	assert_true(is_followed(f, getpid()));
}

/* Of another one than ourselves, whose sibling is a stranger. */
static void test_strangers(void **state)
{
	struct fixture *f = *state;
	struct child root = start_child(), other;

	start(f, root.pid);
	other = start_child();
	assert_true(is_followed(f, root.pid));
	assert_false(is_followed(f, other.pid));
	assert_false(is_followed(f, getpid()));
	end_child(&other);
	end_child(&root);
	assert_false(is_followed(f, root.pid));
}

/* A child's child is in when it runs, also when its parent is gone by then. */
static void test_orphan(void **state)
{
	struct fixture *f = *state;
	int hold[2], tell[2];
	pid_t pid, inner = 0;
	char byte;

	start(f, getpid());
	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (!pid) {
		close(hold[1]);
		if (!fork()) {
			inner = getpid();
			if (write(tell[1], &inner, sizeof(inner)) != sizeof(inner))
				_exit(1);
			_exit(read(hold[0], &byte, 1) != 0);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(tell[0], &inner, sizeof(inner)), sizeof(inner));
	assert_false(is_followed(f, pid));
	assert_true(is_followed(f, inner));
	close(hold[0]);
	close(hold[1]);
	close(tell[0]);
	close(tell[1]);
}

static void *note_tid(void *arg)
{
	*(pid_t *)arg = gettid();
	return NULL;
}

/* A thread is no process, and its end is not that of its process. */
static void test_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	pid_t tid = 0;

	start(f, getpid());
	assert_int_equal(pthread_create(&thread, NULL, note_tid, &tid), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(tid, 0);
	assert_false(is_followed(f, tid));
	assert_true(is_followed(f, getpid()));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_forks),
		TEST(test_strangers),
		TEST(test_orphan),
		TEST(test_threads),
	};

	return RUN_BPF_TESTS(tests, CAPS(CAP_BPF) | CAPS(CAP_PERFMON), NULL);
}

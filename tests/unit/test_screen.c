// SPDX-License-Identifier: GPL-2.0-only
/*
 * The terminal of `top` is given back: by screen_close(), by a signal whose handler is screen_die() (the second Ctrl-C),
 * by one that is fatal, and by abort(). A child has a pseudo terminal; here is what it wrote, and its modes.
 */
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "top/screen.h"

#define ROWS 5
#define COLS 20

static void end_quietly(void)
{
}

static void end_by_abort(void)
{
	abort();
}

static void end_by_term(void)
{
	signal(SIGTERM, screen_die);
	raise(SIGTERM);
}

static void end_by_quit(void)
{
	raise(SIGQUIT);
}

/* What happens between the two is what a drawing is interrupted by. */
static _Noreturn void child(void (*end)(void))
{
	struct top_line lines[ROWS] = {{.text = {.ptr = "drawn", .len = 5}}};
	struct screen *s;
	struct diag d = {0};
	unsigned int cols, rows;

	setenv("TERM", "xterm", 1);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	if (screen_check(&d) || screen_open(&s, &d))
		_exit(100);
	screen_resized(s);
	screen_size(s, &cols, &rows);
	if (cols != COLS || rows != ROWS || !screen_is_ready(s) || screen_key(s))
		_exit(101);
	screen_draw(s, lines, -1);
	end();
	screen_close(s);
	_exit(0);
}

/* Reads until the other end is closed. Returns the length, NUL after it. */
static size_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = 0;
	return len;
}

/* `want`: how the child ends, as waitpid() has it. */
static void check(void (*end)(void), int want)
{
	struct winsize size = {.ws_row = ROWS, .ws_col = COLS};
	struct termios before, after;
	char out[4096], *left, *drawn;
	int ours, theirs, status;
	pid_t pid;

	memset(&before, 0, sizeof(before)); /* its padding, too */
	memset(&after, 0, sizeof(after));
	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
	assert_int_equal(tcgetattr(theirs, &before), 0);
	pid = fork();
	if (!pid) {
		close(ours);
		if (setsid() < 0 || ioctl(theirs, TIOCSCTTY, 0) || dup2(theirs, STDIN_FILENO) < 0 ||
		    dup2(theirs, STDOUT_FILENO) < 0)
			_exit(102);
		close(theirs);
		child(end);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(tcgetattr(theirs, &after), 0);
	close(theirs);
	read_all(ours, out, sizeof(out));
	close(ours);
	assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status), want);
	assert_memory_equal(&before, &after, sizeof(before));
	/* The alternate screen is left, once, after all that was drawn; the cursor is shown. */
	drawn = strstr(out, "drawn");
	assert_non_null(drawn);
	left = strstr(drawn, "\x1b[?1049l");
	assert_non_null(left);
	assert_null(strstr(left + 1, "\x1b[?1049"));
	assert_non_null(strstr(drawn, "\x1b[?25h"));
}

static void test_ends(void **state)
{
	check(end_quietly, 0);
	check(end_by_term, SIGTERM);
	check(end_by_quit, SIGQUIT);
	check(end_by_abort, SIGABRT);
}

/* Without a terminal, nothing is written. */
static void test_refused(void **state)
{
	struct diag d = {0};
	int saved = dup(STDOUT_FILENO), fds[2];
	int err;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	err = screen_check(&d);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fds[1]);
	close(fds[0]);
	assert_true(err < 0);
	assert_int_equal(d.status, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 1000
#define STEP_MS	 20

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		if (isatty(fd))
			dup2(null, fd);
}

/* In the child: waits for the word, then becomes the command. What it was to ignore or to handle it
 * doesn't. */
static _Noreturn void become(char *const *argv, bool quiet, int go_fd, int err_fd)
{
	int err;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (read(go_fd, &c, 1) != 1)
		_exit(127); /* the tracer is gone */
	prctl(PR_SET_PDEATHSIG, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (quiet)
		leave_terminal();
	execvp(argv[0], argv);
	err = errno;
	if (write(err_fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

int child_start(char *const *argv, bool quiet, struct child *c, struct diag *d)
{
	int go[2], err[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return diag_set(d, EXIT_RUNTIME, -errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(err, O_CLOEXEC)) {
		diag_set(d, EXIT_RUNTIME, -errno, "cannot make a pipe: %s", strerror(errno));
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(go[1]);
		close(err[0]);
		become(argv, quiet, go[0], err[1]);
	}
	close(go[0]);
	close(err[1]);
	if (pid < 0) {
		diag_set(d, EXIT_RUNTIME, -errno, "cannot start '%.80s': %s", argv[0],
			 strerror(errno));
		close(go[1]);
		close(err[0]);
		return -EAGAIN;
	}
	*c = (struct child){.pid = pid, .go_fd = go[1], .err_fd = err[0]};
	return 0;
}

int child_go(struct child *c, struct diag *d)
{
	int err = 0;
	ssize_t n = write(c->go_fd, "", 1);

	close(c->go_fd);
	c->go_fd = -1;
	/* The other end is closed by a successful execve(). */
	if (n == 1)
		n = read(c->err_fd, &err, sizeof(err));
	close(c->err_fd);
	if (n != sizeof(err))
		return 0;
	return diag_set(d, EXIT_USAGE, -err, "cannot run the command: %s", strerror(err));
}

bool child_ended(struct child *c)
{
	if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	return c->ended;
}

void child_end(struct child *c)
{
	static const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
	int i;

	if (!c->pid)
		return;
	if (c->go_fd >= 0) { /* it reads the end of the pipe and ends */
		close(c->go_fd);
		close(c->err_fd);
		c->go_fd = -1;
	} else if (!child_ended(c)) {
		kill(c->pid, SIGTERM);
	}
	for (i = 0; i < GRACE_MS / STEP_MS && !child_ended(c); i++)
		nanosleep(&step, NULL);
	if (!child_ended(c)) {
		kill(c->pid, SIGKILL);
		c->ended = waitpid(c->pid, &c->status, 0) == c->pid;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#include "terminal.h"

/* For the rest of an escape sequence, which is one packet over ssh as well. */
#define ESCAPE_WAIT_MS 50

struct screen {
	SCREEN *term;
	FILE *keys;
	bool color;
};

/* What screen_die() needs, ready to be written. */
static struct {
	volatile sig_atomic_t open;
	struct termios before;
	char bytes[256];
	size_t len;
} rescue;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS, SIGTRAP};
#define FATAL_CNT (sizeof(fatal) / sizeof(fatal[0]))

/* A terminal that was stopped with Ctrl-S would not let us go. Linux starts it for who has
 * stopped it by tcflow(). Async-signal-safe. */
static void resume_output(void)
{
	tcflow(STDOUT_FILENO, TCOOFF);
	tcflow(STDOUT_FILENO, TCOON);
}

void screen_die(int sig)
{
	ssize_t n;

	if (rescue.open) {
		rescue.open = 0;
		resume_output();
		n = write(STDOUT_FILENO, rescue.bytes, rescue.len);
		(void)n; /* there is nothing that could be done about it */
		tcsetattr(STDOUT_FILENO, TCSANOW, &rescue.before);
	}
	signal(sig, SIG_DFL);
	raise(sig); /* it is blocked until this returns */
}

static int keep_byte(int c)
{
	if (rescue.len < sizeof(rescue.bytes))
		rescue.bytes[rescue.len++] = (char)c;
	return c;
}

/* No attributes, the cursor to be seen, the keypad as it was, the alternate screen left. */
static void prepare_rescue(void)
{
	static const char *const names[] = {"sgr0", "cnorm", "rmkx", "rmcup"};

	rescue.len = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *s = tigetstr(names[i]);

		if (s && s != (char *)-1)
			tputs(s, 1, keep_byte);
	}
}

static void catch_fatal(void (*handler)(int))
{
	struct sigaction die = {.sa_handler = handler, .sa_flags = SA_RESETHAND};
	struct sigaction was;

	for (size_t i = 0; i < FATAL_CNT; i++)
		if (!sigaction(fatal[i], NULL, &was) &&
		    was.sa_handler == (handler == SIG_DFL ? screen_die : SIG_DFL))
			sigaction(fatal[i], &die, NULL);
}

/* Whether the terminal can move its cursor. -ENODEV: nothing is known of it. */
static int find_cursor(void)
{
	struct terminal t = terminal_begin();
	int ret = -ENODEV, err;
	const char *move;

	if (t.name && setupterm(t.name, STDOUT_FILENO, &err) == OK) {
		move = tigetstr("cup");
		ret = move && move != (char *)-1 ? 0 : -ENOTTY;
		del_curterm(cur_term);
	}
	terminal_end(&t);
	return ret;
}

int screen_check(struct diag *d)
{
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO))
		return diag_set(d, EXIT_USAGE, -ENOTTY,
				"top needs a terminal, and standard output is none; httplat stat "
				"writes the same table anywhere");
	switch (find_cursor()) {
	case 0:
		return 0;
	case -ENODEV:
		return diag_set(d, EXIT_USAGE, -ENOTTY,
				"top doesn't know this terminal: TERM is '%.40s'; set it to what "
				"the terminal is, for example TERM=xterm",
				term ? term : "");
	default:
		return diag_set(d, EXIT_USAGE, -ENOTTY,
				"top cannot draw on this terminal: TERM is '%.40s', which cannot "
				"move its cursor; httplat stat writes the same table anywhere",
				term);
	}
}

/* A locale that is asked for and not installed still says whether the terminal takes UTF-8. */
static void choose_locale(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *value = NULL;

	if (setlocale(LC_CTYPE, ""))
		return;
	for (size_t i = 0; i < 3 && (!value || !*value); i++)
		value = getenv(names[i]);
	if (value && (strcasestr(value, "utf-8") || strcasestr(value, "utf8")))
		setlocale(LC_CTYPE, "C.UTF-8");
}

static void set_modes(struct screen *s)
{
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_WAIT_MS);
	curs_set(0);
	s->color = has_colors() && start_color() == OK && use_default_colors() == OK &&
		   init_pair(1, COLOR_RED, -1) == OK;
}

static SCREEN *open_terminal(FILE *keys)
{
	struct terminal t = terminal_begin();
	SCREEN *term = t.name ? newterm(t.name, stdout, keys) : NULL;

	terminal_end(&t);
	return term;
}

/* A stream of our own: `stdin` may be what a capture is read from. */
static FILE *open_keys(void)
{
	int fd = isatty(STDIN_FILENO) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				      : open("/dev/tty", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NULL : fdopen(fd, "r");
}

int screen_open(struct screen **out, struct diag *d)
{
	struct screen *s = calloc(1, sizeof(*s));
	int err = -ENOTTY;

	if (!s)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	s->keys = open_keys();
	if (!s->keys) {
		err = diag_set(d, EXIT_USAGE, -errno,
			       "top needs a terminal for its keys: standard input is none, and "
			       "/dev/tty cannot be opened: %s",
			       strerror(errno));
		goto fail;
	}
	choose_locale();
	if (tcgetattr(STDOUT_FILENO, &rescue.before)) {
		err = diag_set(d, EXIT_RUNTIME, -errno, "cannot ask the terminal: %s",
			       strerror(errno));
		goto fail;
	}
	s->term = open_terminal(s->keys);
	if (!s->term) {
		err = diag_set(d, EXIT_USAGE, -ENOTTY, "ncurses cannot use this terminal");
		goto fail;
	}
	prepare_rescue();
	rescue.open = 1;
	catch_fatal(screen_die);
	set_modes(s);
	*out = s;
	return 0;
fail:
	if (s->keys)
		fclose(s->keys);
	free(s);
	return err;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	resume_output();
	endwin();
	rescue.open = 0;
	catch_fatal(SIG_DFL);
	delscreen(s->term);
	fclose(s->keys);
	free(s);
}

int screen_fd(const struct screen *s)
{
	return fileno(s->keys);
}

unsigned int screen_key(struct screen *s)
{
	static const struct {
		int curses;
		unsigned int ours;
	} keys[] = {
		{KEY_UP, TOP_KEY_UP},
		{KEY_DOWN, TOP_KEY_DOWN},
		{KEY_LEFT, TOP_KEY_LEFT},
		{KEY_RIGHT, TOP_KEY_RIGHT},
		{KEY_PPAGE, TOP_KEY_PAGE_UP},
		{KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME},
		{KEY_END, TOP_KEY_END},
		{KEY_ENTER, TOP_KEY_ENTER},
		{KEY_BACKSPACE, TOP_KEY_BACKSPACE},
		{0x7f, TOP_KEY_BACKSPACE},
		{'\b', TOP_KEY_BACKSPACE},
		{0x1b, TOP_KEY_ESCAPE},
		{KEY_F(1), '?'},
		{KEY_F(10), 'q'},
	};
	int c;

	/* Bytes: those of a character are put together by who takes them. */
	while ((c = getch()) != ERR) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (keys[i].curses == c)
				return keys[i].ours;
		if (c > 0 && c < 0x100)
			return (unsigned int)c;
	}
	return 0;
}

bool screen_resized(struct screen *s)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col ||
	    !is_term_resized(size.ws_row, size.ws_col))
		return false;
	return resizeterm(size.ws_row, size.ws_col) == OK;
}

void screen_size(const struct screen *s, unsigned int *cols, unsigned int *rows)
{
	*cols = (unsigned int)getmaxx(stdscr);
	*rows = (unsigned int)getmaxy(stdscr);
}

bool screen_is_ready(const struct screen *s)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

void screen_forget(struct screen *s)
{
	clearok(curscr, TRUE);
}

static attr_t attributes(const struct screen *s, enum top_style style)
{
	switch (style) {
	case TOP_BOLD:
		return A_BOLD;
	case TOP_TITLE:
		return A_REVERSE;
	case TOP_CURSOR:
		return A_REVERSE | A_BOLD;
	case TOP_ALERT:
		return A_BOLD | (s->color ? (attr_t)COLOR_PAIR(1) : 0);
	case TOP_PLAIN:
		break;
	}
	return A_NORMAL;
}

void screen_draw(struct screen *s, const struct top_line *page, int cursor)
{
	int rows = getmaxy(stdscr), y;

	erase();
	for (y = 0; y < rows; y++) {
		const struct top_line *line = &page[y];

		attrset((int)attributes(s, line->style));
		mvaddnstr(y, 0, line->text.len ? line->text.ptr : "", (int)line->text.len);
		if (line->mark_len)
			mvchgat(y, (int)line->mark_at, (int)line->mark_len,
				A_BOLD | A_UNDERLINE | A_REVERSE, 0, NULL);
	}
	attrset(A_NORMAL);
	curs_set(cursor >= 0);
	if (cursor >= 0)
		move(rows - 1, cursor);
	refresh();
}

// SPDX-License-Identifier: GPL-2.0-only
#include "statefile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#define CHUNK 65536

int statefile_path(char path[STATEFILE_PATH_MAX], const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(path, STATEFILE_PATH_MAX, format, ap);
	va_end(ap);
	return n < 0 || n >= STATEFILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

int statefile_root(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Names a file without opening it: nothing happens to a FIFO or a device yet. */
static int find(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)(O_PATH | O_CLOEXEC | flags),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Opens what find() has found; takes the descriptor. */
static int open_found(int found, int flags)
{
	char link[32];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		fd = -errno;
	close(found);
	return fd;
}

static int open_file(int root, const char *path)
{
	struct stat st;
	int fd = find(root, path, 0);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return open_found(fd, 0);
}

int statefile_text(int root, const char *path, char *buf, size_t size)
{
	int fd = open_file(root, path);
	size_t used = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	buf[used] = '\0';
	return n < 0 ? (int)n : (int)used;
}

/* --- JSON ------------------------------------------------------------------------------------- */

struct walk {
	const struct statefile_json *sink;
	unsigned int depth; /* objects and arrays that are open */
	struct level {
		bool array;
		char key[STATEFILE_KEY_MAX]; /* of an object: what the next value is; "": skipped */
	} level[STATEFILE_DEPTH];
	char value[STATEFILE_VALUE_MAX];
};

static void tell(struct walk *w, const char *ptr, size_t len)
{
	const char *key[STATEFILE_DEPTH];
	unsigned int i;

	if (w->depth > STATEFILE_DEPTH || len >= sizeof(w->value) || memchr(ptr, '\0', len))
		return;
	for (i = 0; i < w->depth; i++) {
		key[i] = w->level[i].array ? "[]" : w->level[i].key;
		if (!*key[i])
			return;
	}
	memcpy(w->value, ptr, len);
	w->value[len] = '\0';
	w->sink->value(w->sink->ctx, key, w->depth, w->value);
}

static int on_string(void *ctx, const unsigned char *ptr, size_t len)
{
	tell(ctx, len ? (const char *)ptr : "", len);
	return 1;
}

static int on_number(void *ctx, const char *ptr, size_t len)
{
	tell(ctx, ptr, len);
	return 1;
}

static int on_key(void *ctx, const unsigned char *ptr, size_t len)
{
	struct walk *w = ctx;
	char *key;

	if (!w->depth || w->depth > STATEFILE_DEPTH)
		return 1;
	key = w->level[w->depth - 1].key;
	if (len >= STATEFILE_KEY_MAX)
		len = 0;
	memcpy(key, len ? (const char *)ptr : "", len);
	key[len] = '\0';
	return 1;
}

static int open_level(struct walk *w, bool array)
{
	if (w->depth < STATEFILE_DEPTH) {
		w->level[w->depth].array = array;
		w->level[w->depth].key[0] = '\0';
	}
	w->depth++;
	return 1;
}

static int on_object(void *ctx)
{
	return open_level(ctx, false);
}

static int on_array(void *ctx)
{
	return open_level(ctx, true);
}

static int on_object_end(void *ctx)
{
	struct walk *w = ctx;

	w->depth--;
	if (w->sink->end && w->depth < STATEFILE_DEPTH)
		w->sink->end(w->sink->ctx, w->depth);
	return 1;
}

static int on_array_end(void *ctx)
{
	struct walk *w = ctx;

	w->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_object_end,
	.yajl_start_array = on_array,
	.yajl_end_array = on_array_end,
};

static int parse_fd(yajl_handle parser, int fd)
{
	unsigned char *buf = malloc(CHUNK);
	size_t total = 0;
	ssize_t n = 0;
	int err = buf ? 0 : -ENOMEM;

	while (!err && (n = read(fd, buf, CHUNK)) > 0) {
		total += (size_t)n;
		if (total > STATEFILE_MAX)
			err = -EFBIG;
		else if (yajl_parse(parser, buf, (size_t)n) != yajl_status_ok)
			err = -EINVAL;
	}
	if (n < 0)
		err = -errno;
	free(buf);
	return err;
}

/* Of a text, or of a file when that is NULL. */
static int parse(const char *text, int fd, const struct statefile_json *sink)
{
	struct walk *w = calloc(1, sizeof(*w));
	yajl_handle parser = w ? yajl_alloc(&callbacks, NULL, w) : NULL;
	int err = -ENOMEM;

	if (parser) {
		w->sink = sink;
		if (!text)
			err = parse_fd(parser, fd);
		else if (yajl_parse(parser, (const unsigned char *)text, strlen(text)) ==
			 yajl_status_ok)
			err = 0;
		else
			err = -EINVAL;
		if (!err && yajl_complete_parse(parser) != yajl_status_ok)
			err = -EINVAL;
		yajl_free(parser);
	}
	free(w);
	return err;
}

int statefile_json(int root, const char *path, const struct statefile_json *sink)
{
	int fd = open_file(root, path), err;

	if (fd < 0)
		return fd;
	err = parse(NULL, fd, sink);
	close(fd);
	return err;
}

int statefile_json_text(const char *text, const struct statefile_json *sink)
{
	return parse(text, -1, sink);
}

bool statefile_key_is(const char *const *key, unsigned int depth, const char *const *names)
{
	unsigned int i;

	for (i = 0; i < depth && names[i]; i++)
		if (strcmp(key[i], names[i]))
			return false;
	return i == depth && !names[i];
}

/* --- directories and settings ----------------------------------------------------------------- */

int statefile_each(int root, const char *path, bool (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = find(root, path, O_DIRECTORY), left = STATEFILE_ENTRIES_MAX;
	struct dirent *de;
	DIR *dir;

	if (fd < 0)
		return fd;
	fd = open_found(fd, O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (left-- && (de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (!fn(ctx, de->d_name))
			break;
	}
	closedir(dir);
	return 0;
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/* `key = "value"` or `key = 'value'`; what escapes stand for is not looked at: paths have none. */
static bool parse_setting(const char *line, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	const char *end;
	char quote;

	line = skip_blanks(line);
	if (strncmp(line, key, len))
		return false;
	line = skip_blanks(line + len);
	if (*line != '=')
		return false;
	line = skip_blanks(line + 1);
	quote = *line;
	if (quote != '"' && quote != '\'')
		return false;
	end = strchr(++line, quote);
	if (!end || (size_t)(end - line) >= size)
		return false;
	memcpy(value, line, (size_t)(end - line));
	value[end - line] = '\0';
	return true;
}

int statefile_setting(int root, const char *path, const char *key, char *value, size_t size)
{
	char *text = malloc(CHUNK), *line, *save = NULL;
	int err = text ? statefile_text(root, path, text, CHUNK) : -ENOMEM;

	if (err >= 0) {
		err = -ENOENT;
		for (line = strtok_r(text, "\n", &save); line && err;
		     line = strtok_r(NULL, "\n", &save))
			if (parse_setting(line, key, value, size))
				err = 0;
	}
	free(text);
	return err;
}

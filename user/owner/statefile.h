/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * statefile.h - state files of other programs, read without trusting them.
 *
 * All paths are taken below a root, a descriptor: that of the host, of a container (whose own
 * runtime keeps state there), or of a test's fixture. Symbolic links, absolute ones too, are
 * followed as the kernel would after chroot(2), and none leads out (openat2(2), Linux 5.6). Only
 * regular files are opened, so that a FIFO that somebody put there holds nobody up; reading is
 * bounded.
 *
 * JSON is read by yajl's event parser and not into a tree: a hostile file then costs no more
 * memory than a good one, nor a deep one more stack.
 *
 * Thread-safe: no state. Functions return 0 or -errno.
 */
#ifndef HTTPLAT_STATEFILE_H
#define HTTPLAT_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a file that are read; one that is longer is an error (-EFBIG). Podman has all containers
 * of a host in one. */
#define STATEFILE_MAX (16u << 20)
/* Entries of a directory that are looked at. */
#define STATEFILE_ENTRIES_MAX 16384
/* Objects and arrays around a value that is told; deeper ones are skipped. */
#define STATEFILE_DEPTH 4
/*
 * With the NUL; keys and values that are longer are skipped, and so are those with a NUL in
 * them.
 */
#define STATEFILE_KEY_MAX   128
#define STATEFILE_VALUE_MAX 4096

/* A path of the form `format` below the root. -ENAMETOOLONG: it doesn't fit. */
#define STATEFILE_PATH_MAX 4096
int statefile_path(char path[STATEFILE_PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The root itself: a directory, for the `root` of the others. A descriptor or -errno. */
int statefile_root(const char *path);

/* The first size - 1 bytes, NUL-terminated. The length, or -errno. */
int statefile_text(int root, const char *path, char *buf, size_t size);

struct statefile_json {
	void *ctx;
	/*
	 * A string or a number. key[0..depth) are the keys that lead to it, "[]" within an array:
	 * {"a": [{"b": "c"}]} tells {"a", "[]", "b"}, depth 3, value "c".
	 */
	void (*value)(void *ctx, const char *const *key, unsigned int depth, const char *value);
	/* The end of an object within `depth` others; may be NULL. */
	void (*end)(void *ctx, unsigned int depth);
};

/* -EINVAL: it is no JSON, and what was told before is not to be believed. */
int statefile_json(int root, const char *path, const struct statefile_json *sink);
int statefile_json_text(const char *text, const struct statefile_json *sink);

/* Whether key[0..depth) is the one given by `names`, which NULL ends. */
bool statefile_key_is(const char *const *key, unsigned int depth, const char *const *names);

/* Calls fn for each entry but "." and ".." until it returns false. */
int statefile_each(int root, const char *path, bool (*fn)(void *ctx, const char *name), void *ctx);

/*
 * The value of the first line `key = "value"` of a TOML file, whatever table it is in; to
 * `value`, or -ENOENT. Enough for the few settings that say where state is kept.
 */
int statefile_setting(int root, const char *path, const char *key, char *value, size_t size);

#endif

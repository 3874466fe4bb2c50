/* SPDX-License-Identifier: GPL-2.0-only */
/* A folder that stands for "/", in which a test lays out state files. */
#ifndef FIXTURE_ROOT_H
#define FIXTURE_ROOT_H

struct fixture_root {
	char dir[64];
	int fd; /* statefile_root() */
};

/* For cmocka: *state becomes a struct fixture_root; it goes with all that is in it. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/*
 * The place of `path` in the host's file system; the folders around it are made. One buffer: valid
 * until the next call of any of these.
 */
const char *fixture_place(struct fixture_root *f, const char *path);
void fixture_put(struct fixture_root *f, const char *path, const char *text);
void fixture_link(struct fixture_root *f, const char *path, const char *target);
/* Removes a file, or a folder with all that is in it. */
void fixture_remove(struct fixture_root *f, const char *path);

#endif

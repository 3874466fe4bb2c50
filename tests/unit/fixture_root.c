// SPDX-License-Identifier: GPL-2.0-only
#include "fixture_root.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "owner/statefile.h"

int fixture_setup(void **state)
{
	struct fixture_root *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/httplat-test-XXXXXX");
	f->fd = mkdtemp(f->dir) ? statefile_root(f->dir) : -1;
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int fixture_teardown(void **state)
{
	struct fixture_root *f = *state;

	close(f->fd);
	remove_all(f->dir);
	free(f);
	return 0;
}

const char *fixture_place(struct fixture_root *f, const char *path)
{
	static char full[4096];

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	for (char *c = full + strlen(f->dir) + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		mkdir(full, 0755);
		*c = '/';
	}
	return full;
}

void fixture_put(struct fixture_root *f, const char *path, const char *text)
{
	FILE *out = fopen(fixture_place(f, path), "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

void fixture_link(struct fixture_root *f, const char *path, const char *target)
{
	assert_int_equal(symlink(target, fixture_place(f, path)), 0);
}

void fixture_remove(struct fixture_root *f, const char *path)
{
	remove_all(fixture_place(f, path));
}

// SPDX-License-Identifier: GPL-2.0-only
#include "cmd_ps.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "inventory.h"
#include "caps.h"
#include "report/buf.h"
#include "report/escape.h"
#include "report/jsonout.h"
#include "report/view.h"

#define COLUMNS_MAX 8
/* Digits of an id that are shown: more than -c wants. */
#define ID_SHOWN 12
/* Of a cell of text; the JSON has all. */
#define LISTENS_SHOWN 6
#define PIDS_SHOWN    6

static const char help[] =
	"Usage: httplat ps [-o text|json]\n"
	"Lists what could be traced now: containers, and units and processes with TCP\n"
	"sockets, with their listening ports, their connections and the option that\n"
	"traces them.\n"
	"  -o, --output=FORMAT  text (default) or json, one object a line\n"
	"Exit status: 0 done, 1 failure at run time, 2 usage.\n";

/* --- text ------------------------------------------------------------------------------------- */

struct table {
	const char *const *titles; /* NULL ends them */
	struct buf cells;	   /* each ends with NUL */
	unsigned int rows;
};

static void put(struct buf *b, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	char *dst = len ? buf_room(b, len * ESCAPE_TEXT_GROWTH) : NULL;

	if (dst)
		b->len += escape_text(dst, text, len);
}

static void end_cell(struct buf *b)
{
	if (!b->len || !b->ptr[b->len - 1])
		buf_puts(b, "-");
	buf_add(b, "", 1);
}

static void put_endpoints(struct buf *b, const struct inventory_row *row)
{
	char addr[VIEW_ADDRESS_MAX];
	unsigned int i;

	for (i = 0; i < row->listen_cnt && i < LISTENS_SHOWN; i++) {
		view_address(&row->listens[i], addr);
		buf_printf(b, strchr(addr, ':') ? "%s[%s]:%u" : "%s%s:%u", i ? "," : "", addr,
			   row->listens[i].port);
	}
	if (i < row->listen_cnt)
		buf_printf(b, ",+%u", row->listen_cnt - i);
	end_cell(b);
}

static void put_pids(struct buf *b, const struct inventory_row *row)
{
	unsigned int i;

	for (i = 0; i < row->pid_cnt && i < PIDS_SHOWN; i++)
		buf_printf(b, "%s%" PRIu32, i ? "," : "", row->pids[i]);
	if (i < row->pid_cnt)
		buf_printf(b, ",+%u", row->pid_cnt - i);
	end_cell(b);
}

/* What --pod takes. */
static void put_pod(struct buf *b, const struct inventory_row *row)
{
	put(b, row->pod_namespace);
	if (row->pod && row->pod_namespace)
		buf_puts(b, "/");
	put(b, row->pod);
}

/* One character, n bytes of it, between $' and '. */
static void put_quoted(struct buf *b, const char *at, unsigned int n)
{
	if (*at == '\\' || *at == '\'') {
		buf_puts(b, "\\");
	} else if (!escape_text_is_plain(at, n)) {
		while (n--)
			buf_printf(b, "\\x%02x", (unsigned char)*at++);
		return;
	}
	buf_add(b, at, n);
}

/* As a shell takes it: who may name a cgroup must not have a word in what is pasted. */
static void put_argument(struct buf *b, const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "@%+=:,./_-";
	const char *end = text + strlen(text);
	unsigned int n;
	uint32_t cp;

	if (text + strspn(text, safe) == end) {
		buf_puts(b, text);
		return;
	}
	buf_puts(b, "$'");
	for (; text < end; text += n) {
		n = utf8_decode(text, (size_t)(end - text), &cp);
		n = n ? n : 1;
		put_quoted(b, text, n);
	}
	buf_puts(b, "'");
}

/* The option that traces it. */
static void put_option(struct buf *b, const struct inventory_row *row)
{
	if (row->kind == INVENTORY_PROCESS) {
		buf_printf(b, "-p %" PRIu32, row->pids[0]);
	} else if (row->kind == INVENTORY_UNIT) {
		buf_puts(b, "--unit ");
		put_argument(b, row->unit);
	} else if (row->container_name) {
		buf_puts(b, "-c ");
		put_argument(b, row->container_name);
	} else if (row->container_id) {
		buf_printf(b, "-c %.*s", ID_SHOWN, row->container_id);
	}
}

static void put_owner(struct buf *b, const struct inventory_row *row)
{
	if (row->pod)
		put_pod(b, row);
	else if (row->container_name)
		put(b, row->container_name);
	else if (row->container_id)
		buf_printf(b, "%.*s", ID_SHOWN, row->container_id);
	else
		put(b, row->unit ? row->unit : row->cgroup_path);
	end_cell(b);
}

static void put_container(struct buf *b, const struct inventory_row *row)
{
	put_option(b, row);
	end_cell(b);
	if (row->container_id)
		buf_printf(b, "%.*s", ID_SHOWN, row->container_id);
	end_cell(b);
	put(b, row->runtime);
	end_cell(b);
	put_pod(b, row);
	end_cell(b);
	put(b, row->image);
	end_cell(b);
	put_endpoints(b, row);
	put_pids(b, row);
}

static void put_unit(struct buf *b, const struct inventory_row *row)
{
	put_option(b, row);
	end_cell(b);
	put_endpoints(b, row);
	buf_printf(b, "%u", row->connections);
	end_cell(b);
	put_pids(b, row);
}

static void put_process(struct buf *b, const struct inventory_row *row)
{
	char comm[17] = "";

	memcpy(comm, row->comm, sizeof(row->comm));
	put_option(b, row);
	end_cell(b);
	buf_printf(b, "%" PRIu32, row->uid);
	end_cell(b);
	put(b, comm);
	end_cell(b);
	put_endpoints(b, row);
	buf_printf(b, "%u", row->connections);
	end_cell(b);
	put_owner(b, row);
}

/* Characters of UTF-8, which is about what a terminal makes columns of. */
static unsigned int width_of(const char *cell)
{
	unsigned int n = 0;

	for (; *cell; cell++)
		n += (*cell & 0xc0) != 0x80;
	return n;
}

static void print_row(const char *const *cells, const unsigned int *widths, unsigned int columns)
{
	unsigned int i;

	for (i = 0; i < columns; i++) {
		fputs(cells[i], stdout);
		if (i + 1 < columns)
			printf("%*s", (int)(widths[i] - width_of(cells[i]) + 2), "");
	}
	putchar('\n');
}

static void print_table(const struct table *t)
{
	unsigned int widths[COLUMNS_MAX] = {0}, columns = 0, row, i;
	const char *cells[COLUMNS_MAX], *at = t->cells.ptr;

	while (t->titles[columns]) {
		widths[columns] = width_of(t->titles[columns]);
		columns++;
	}
	for (row = 0; row < t->rows; row++)
		for (i = 0; i < columns; i++, at += strlen(at) + 1)
			if (width_of(at) > widths[i])
				widths[i] = width_of(at);
	print_row(t->titles, widths, columns);
	at = t->cells.ptr;
	for (row = 0; row < t->rows; row++) {
		for (i = 0; i < columns; i++, at += strlen(at) + 1)
			cells[i] = at;
		print_row(cells, widths, columns);
	}
}

static int print_text(const struct inventory *inv)
{
	static const struct {
		const char *none;
		const char *titles[COLUMNS_MAX];
		void (*put)(struct buf *b, const struct inventory_row *row);
	} kinds[] = {
		[INVENTORY_CONTAINER] = {"no containers",
					 {"CONTAINER", "ID", "RUNTIME", "POD", "IMAGE", "LISTENS",
					  "PIDS"},
					 put_container},
		[INVENTORY_UNIT] = {"no units with TCP sockets",
				    {"UNIT", "LISTENS", "CONNS", "PIDS"},
				    put_unit},
		[INVENTORY_PROCESS] = {"no processes with TCP sockets",
				       {"PROCESS", "UID", "COMM", "LISTENS", "CONNS", "OWNER"},
				       put_process},
	};
	unsigned int kind, i;

	for (kind = 0; kind < INVENTORY_KINDS; kind++) {
		struct table t = {.titles = kinds[kind].titles};

		for (i = 0; i < inv->cnt; i++) {
			if (inv->rows[i].kind != kind)
				continue;
			kinds[kind].put(&t.cells, &inv->rows[i]);
			t.rows++;
		}
		if (kind)
			putchar('\n');
		if (t.cells.failed) {
			buf_free(&t.cells);
			return -ENOMEM;
		}
		if (t.rows)
			print_table(&t);
		else
			puts(kinds[kind].none);
		buf_free(&t.cells);
	}
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Nothing where it is not known. */
static void json_string(struct jsonout *o, const char *key, const char *value)
{
	if (value)
		jsonout_put_string(o, key, value);
}

static void json_listens(struct jsonout *o, const struct inventory_row *row)
{
	char addr[VIEW_ADDRESS_MAX];
	unsigned int i;

	jsonout_key(o, "listen");
	jsonout_open(o, '[');
	for (i = 0; i < row->listen_cnt; i++) {
		view_address(&row->listens[i], addr);
		jsonout_open(o, '{');
		json_string(o, "address", addr);
		jsonout_key(o, "port");
		jsonout_i64(o, row->listens[i].port);
		jsonout_close(o, '}');
	}
	jsonout_close(o, ']');
}

static void json_pids(struct jsonout *o, const struct inventory_row *row)
{
	char comm[17] = "";
	unsigned int i;

	if (row->kind == INVENTORY_PROCESS) {
		memcpy(comm, row->comm, sizeof(row->comm));
		jsonout_key(o, "process.pid");
		jsonout_i64(o, row->pids[0]);
		json_string(o, "process.executable.name", comm);
		jsonout_key(o, "process.user.id");
		jsonout_i64(o, row->uid);
		return;
	}
	jsonout_key(o, "pids");
	jsonout_open(o, '[');
	for (i = 0; i < row->pid_cnt; i++)
		jsonout_i64(o, row->pids[i]);
	jsonout_close(o, ']');
}

static void json_row(struct jsonout *o, const struct inventory_row *row)
{
	static const char *const kinds[] = {"container", "unit", "process"};

	jsonout_open(o, '{');
	json_string(o, "kind", kinds[row->kind]);
	json_string(o, "container.id", row->container_id);
	json_string(o, "container.name", row->container_name);
	json_string(o, "container.runtime.name", row->runtime);
	json_string(o, "container.image.name", row->image);
	json_string(o, "k8s.pod.uid", row->pod_uid);
	json_string(o, "k8s.pod.name", row->pod);
	json_string(o, "k8s.namespace.name", row->pod_namespace);
	json_string(o, "k8s.container.name", row->pod_container);
	json_string(o, "systemd.unit", row->unit);
	json_string(o, "linux.cgroup.path", row->cgroup_path);
	json_pids(o, row);
	json_listens(o, row);
	jsonout_key(o, "connections");
	jsonout_i64(o, row->connections);
	jsonout_close(o, '}');
}

static int print_json(const struct inventory *inv)
{
	struct jsonout o = {0};
	unsigned int i;
	int err = 0;

	for (i = 0; i < inv->cnt && !err; i++) {
		json_row(&o, &inv->rows[i]);
		err = jsonout_print(&o, stdout);
	}
	jsonout_free(&o);
	return err;
}

/* --- command line ----------------------------------------------------------------------------- */

struct ps_options {
	bool json, help;
};

static int parse(int argc, char **argv, struct ps_options *opt, struct diag *d)
{
	static const struct option longs[] = {
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool bad = false;
	int c;

	opterr = 0;
	optind = 0; /* start anew: the command line may have been looked at before */
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		if (c == 'h')
			opt->help = true;
		else if (c == 'o' && (!strcmp(optarg, "json") || !strcmp(optarg, "text")))
			opt->json = optarg[0] == 'j';
		else
			bad = true;
	}
	if (bad || optind < argc)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"ps takes -o text or -o json; see httplat ps --help");
	return 0;
}

static int take_and_print(const struct ps_options *opt, struct diag *d)
{
	const char *root = getenv("HTTPLAT_ROOT");
	struct inventory inv;
	int err;

	if (!caps_have(CAP_SYS_PTRACE))
		fputs("httplat: without CAP_SYS_PTRACE other users' sockets are not seen: run as "
		      "root\n",
		      stderr);
	err = inventory_take(root ? root : "", &inv);
	if (!err)
		err = opt->json ? print_json(&inv) : print_text(&inv);
	inventory_free(&inv);
	return err ? diag_set(d, EXIT_RUNTIME, err, "out of memory") : 0;
}

static int finish(const struct diag *d, int err)
{
	if (err) {
		diag_print(d, "httplat");
		return d->status;
	}
	if (fflush(stdout) || ferror(stdout)) {
		if (errno == EPIPE) /* the reader has seen enough */
			return EXIT_DONE;
		fprintf(stderr, "httplat: cannot write: %s\n", strerror(errno));
		return EXIT_RUNTIME;
	}
	return EXIT_DONE;
}

int cmd_ps(int argc, char **argv)
{
	struct ps_options opt = {0};
	struct diag d = {0};
	int err = parse(argc, argv, &opt, &d);

	if (!err && opt.help)
		fputs(help, stdout);
	else if (!err)
		err = take_and_print(&opt, &d);
	return finish(&d, err);
}

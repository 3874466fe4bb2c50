// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "core/flow.h"
#include "options_check.h"
#include "units.h"

#define RING_MAX	(UINT64_C(1) << 30)
#define TOP_INTERVAL_NS UINT64_C(1000000000)

enum option_key {
	KEY_NETNS = 0x100, /* above all characters: long options only */
	KEY_HOOK,
	KEY_BTF,
	KEY_FOLLOW,
	KEY_COMM,
	KEY_UID,
	KEY_POD,
	KEY_UNIT,
	KEY_PORT,
	KEY_SIDE,
	KEY_REMOTE,
	KEY_PATH,
	KEY_HOST,
	KEY_STATUS,
	KEY_SLOW,
	KEY_ERRORS,
	KEY_HAR,
	KEY_SAVE_SLOW,
	KEY_HEADER,
	KEY_BODY,
	KEY_UNTIL_SLOW,
	KEY_FAIL_IF,
	KEY_EXPLAIN,
	KEY_JOINED,
	KEY_BY,
	KEY_TIME,
	KEY_SORT,
	KEY_INTERVAL,
	KEY_HISTOGRAM,
	KEY_HEAT,
	KEY_NO_REDACT,
	KEY_GAP_TIMEOUT,
	KEY_IDLE_TIMEOUT,
	KEY_MAX_MEMORY,
	KEY_RING_SIZE,
	KEY_VERSION,
	KEY_HELP,
};

enum option_group {
	GROUP_SOURCE = 1,
	GROUP_WHAT,
	GROUP_LENGTH,
	GROUP_OUTPUT,
	GROUP_STAT,
	GROUP_HELP
};

static const struct argp_option option_table[] = {
	{.doc = "Where from:", .group = GROUP_SOURCE},
	{"read", 'r', "FILE", 0,
	 "A pcap or pcapng file ('-': standard input) instead of the live host", GROUP_SOURCE},
	{"interface", 'i', "NAME", 0, "At this interface (repeatable; 'any')", GROUP_SOURCE},
	{"netns", KEY_NETNS, "PID|NAME|PATH", 0, "The interfaces of that network namespace",
	 GROUP_SOURCE},
	{"hook", KEY_HOOK, "HOOK", 0, "Where in the kernel: auto (default), cgroup, tc or socket",
	 GROUP_SOURCE},
	{"btf", KEY_BTF, "FILE", 0, "Where the kernel has no BTF, of this file (tools/mkbtf)",
	 GROUP_SOURCE},
	{"filter", 'f', "EXPR", 0, "Only packets that this pcap-filter(7) expression takes",
	 GROUP_SOURCE},
	{"snaplen", 's', "N", 0, "Copy at most N bytes of each packet", GROUP_SOURCE},
	{"ring-size", KEY_RING_SIZE, "SIZE", 0,
	 "Room between kernel and httplat (default 16M); more where events are lost", GROUP_SOURCE},

	{.doc = "What:", .group = GROUP_WHAT},
	{"pid", 'p', "PID", 0, "Only sockets of this process", GROUP_WHAT},
	{"follow", KEY_FOLLOW, NULL, 0, "With -p: and of its children, and theirs", GROUP_WHAT},
	{"comm", KEY_COMM, "NAME", 0, "Only sockets of threads with this name", GROUP_WHAT},
	{"uid", KEY_UID, "UID", 0, "Only sockets of processes that act as this user", GROUP_WHAT},
	{"container", 'c', "NAME|ID", 0,
	 "Only this container: its name, or the first digits of its id (repeatable)", GROUP_WHAT},
	{"pod", KEY_POD, "[NAMESPACE/]NAME", 0, "Only containers of this pod (repeatable)",
	 GROUP_WHAT},
	{"unit", KEY_UNIT, "NAME", 0, "Only this systemd unit (repeatable)", GROUP_WHAT},
	{"cgroup", 'g', "PATH", 0,
	 "Only this cgroup and those below it; * and ? for names within a level (repeatable)",
	 GROUP_WHAT},
	{"port", KEY_PORT, "N", 0, "Only connections with this TCP port at either end", GROUP_WHAT},
	{"side", KEY_SIDE, "SIDE", 0, "Only what was seen as client, server or transit",
	 GROUP_WHAT},
	{"remote", KEY_REMOTE, "ADDR[/LEN]", 0, "Only this address, or network, at the other end",
	 GROUP_WHAT},
	{"method", 'm', "METHOD", 0, "Only requests with this method", GROUP_WHAT},
	{"path", KEY_PATH, "GLOB", 0, "Only these paths: '/api/*'", GROUP_WHAT},
	{"host", KEY_HOST, "NAME", 0, "Only this Host, with * and ?: '*.example.org'", GROUP_WHAT},
	{"status", KEY_STATUS, "STATUS", 0, "Only 404, 5xx, 400-499 or '>=400'", GROUP_WHAT},
	{"slow", KEY_SLOW, "DURATION", 0, "Only requests whose latency was at least this",
	 GROUP_WHAT},
	{"errors", KEY_ERRORS, NULL, 0, "Only 4xx, 5xx, resets and requests without a response",
	 GROUP_WHAT},

	{.doc = "How long:", .group = GROUP_LENGTH},
	{"duration", 'd', "DURATION", 0, "Stop after this time (500us, 10ms, 2s, 5m)",
	 GROUP_LENGTH},
	{"count", 'n', "N", 0, "Stop after N requests", GROUP_LENGTH},
	{"until-slow", KEY_UNTIL_SLOW, "DURATION", 0,
	 "Stop at the first request whose latency was at least this", GROUP_LENGTH},
	{"fail-if", KEY_FAIL_IF, "CONDITION", 0,
	 "Exit with status 4 if it holds at the end: 'p99>200ms', 'err>1%', 'lost>0' (repeatable)",
	 GROUP_LENGTH},

	{.doc = "How shown:", .group = GROUP_OUTPUT},
	{"output", 'o', "FORMAT", 0,
	 "text (default), wide: with the parts of the time, or json: one object a line",
	 GROUP_OUTPUT},
	{"explain", KEY_EXPLAIN, NULL, 0,
	 "Each request with a drawing of where its time went, and what TCP did", GROUP_OUTPUT},
	{"joined", KEY_JOINED, NULL, 0,
	 "One line for both ends of a request, where both are on this host", GROUP_OUTPUT},
	{"write", 'w', "FILE", 0,
	 "Write the packets into a pcapng file as well, with comments that Wireshark shows; -r reads "
	 "it with all owners ('-': standard output)",
	 GROUP_OUTPUT},
	{NULL, 'C', "SIZE", 0, "With -w: begin another file before one is larger (64K, 16M, 1G)",
	 GROUP_OUTPUT},
	{NULL, 'W', "N", 0, "With -C: N files, over and over. With --save-slow: keep the newest N",
	 GROUP_OUTPUT},
	{"save-slow", KEY_SAVE_SLOW, "DIR", 0,
	 "With --slow: write the packets of each request that was so slow, or failed, into a file "
	 "in DIR",
	 GROUP_OUTPUT},
	{"har", KEY_HAR, "FILE", 0, "Write every request into an HTTP Archive as well",
	 GROUP_OUTPUT},
	{"header", KEY_HEADER, "NAME", 0,
	 "With -o json and --har: these header lines too, of requests and responses (repeatable)",
	 GROUP_OUTPUT},
	{"body", KEY_BODY, "N", 0,
	 "The first N bytes of each body too, 64K at most; secrets in them are shown",
	 GROUP_OUTPUT},
	{"verbose", 'v', NULL, 0, "Every TCP segment as well, decoded", GROUP_OUTPUT},
	{"no-redact", KEY_NO_REDACT, NULL, 0, "Show secrets in targets and headers",
	 GROUP_OUTPUT},
	{"gap-timeout", KEY_GAP_TIMEOUT, "DURATION", 0,
	 "Wait this long for missing bytes (default 10s)", GROUP_OUTPUT},
	{"idle-timeout", KEY_IDLE_TIMEOUT, "DURATION", 0,
	 "Forget a connection that was silent for this long (default 10m)", GROUP_OUTPUT},
	{"max-memory", KEY_MAX_MEMORY, "SIZE", 0,
	 "Bound of what connections may hold (default 64M)", GROUP_OUTPUT},

	{.doc = "Tables (stat, top):", .group = GROUP_STAT},
	{"by", KEY_BY, "KEY[,KEY]", 0,
	 "A row for each process (default), pid, container, pod, unit, cgroup, host, route, path, "
	 "method, status, remote, port, side",
	 GROUP_STAT},
	{"time", KEY_TIME, "TIME", 0,
	 "Percentiles of latency (default), ttfb, total, connect, request, queue, app, hol, "
	 "response, ack, read",
	 GROUP_STAT},
	{"sort", KEY_SORT, "COLUMN", 0,
	 "By count (default), errors, p50, p90, p99, p999, max, mean, bytes, rate, in, out, key",
	 GROUP_STAT},
	{"interval", KEY_INTERVAL, "DURATION", 0,
	 "stat: a table each time instead of one at the end; top: how often it is renewed "
	 "(default 1s)",
	 GROUP_STAT},
	{"histogram", KEY_HISTOGRAM, NULL, 0, "stat: draw the times of each row, in powers of two",
	 GROUP_STAT},
	{"heat", KEY_HEAT, NULL, 0, "stat: a row each second of how the times were distributed",
	 GROUP_STAT},

	{"help", KEY_HELP, NULL, 0, "Print this and exit", GROUP_HELP},
	{"version", KEY_VERSION, NULL, 0, "Print the version and exit", GROUP_HELP},
	{0},
};

static const char help_text[] =
	"Shows which process in which cgroup served or sent which HTTP request, and how long "
	"it took: live on this host, or from a capture file.\n"
	"\n"
	"Commands:\n"
	"  trace    one line per HTTP request (default)\n"
	"  stat     a table: rate, errors, latency percentiles per group\n"
	"  top      the same, live on the terminal; ? shows its keys\n"
	"  ps       what could be traced now: containers, units, processes\n"
	"  check    what works on this host, what does not, and why\n"
	"  decode   the fields of a TCP header given as a hex stream\n"
	"\v"
	"Examples:\n"
	"  httplat                        all HTTP of this host, as it happens\n"
	"  httplat --side server -d 10s   what this host served in ten seconds\n"
	"  httplat -c web                 one container, also if it starts later\n"
	"  httplat -g '/system.slice/*'   only services of systemd\n"
	"  httplat -i eth0 --port 8080    at one interface, forwarded traffic too\n"
	"  httplat stat --by route -d 10s percentiles for each route\n"
	"  httplat top --by route         the same while it happens; rows can be opened\n"
	"  httplat -- curl http://h/      run a command, trace it and its children\n"
	"  httplat -r dump.pcapng -o json requests in a capture, for jq\n"
	"\n"
	"Exit status: 0 done, 1 failure at run time, 2 usage, 3 not permitted or not "
	"supported on this host.";

/* What argp hands to parse_option() as state->input. */
struct parse {
	struct options *opt;
	struct diag *d;
};

struct choice {
	const char *name;
	int value;
};

static const struct choice hook_choices[] = {
	{"auto", HOOK_UNKNOWN},
	{"cgroup", HOOK_CGROUP},
	{"tc", HOOK_TC},
	{"socket", HOOK_SOCKET},
	{NULL, 0},
};

static const struct choice side_choices[] = {
	{"client", SIDE_CLIENT},
	{"server", SIDE_SERVER},
	{"transit", SIDE_TRANSIT},
	{NULL, 0},
};

static const struct choice format_choices[] = {
	{"text", REPORT_TEXT},
	{"wide", REPORT_WIDE},
	{"json", REPORT_JSON},
	{NULL, 0},
};

static const struct choice table_choices[] = {
	{"text", REPORT_TEXT},
	{"json", REPORT_JSON},
	{"csv", REPORT_CSV},
	{NULL, 0},
};

static int parse_choice(const char *what, const char *text, const struct choice *choices, int *out,
			struct diag *d)
{
	const struct choice *c;
	char names[128] = "";

	for (c = choices; c->name; c++) {
		if (strcmp(c->name, text) == 0) {
			*out = c->value;
			return 0;
		}
		if (c != choices)
			strcat(names, c[1].name ? ", " : " or ");
		strcat(names, c->name);
	}
	return diag_set(d, EXIT_USAGE, -EINVAL, "%s: '%.40s' is none of its values; it takes %s",
			what, text, names);
}

static int add_interface(struct options *opt, const char *name, struct diag *d)
{
	unsigned int n = 0;

	for (; opt->interfaces[n]; n++)
		if (strcmp(opt->interfaces[n], name) == 0)
			return 0;
	if (n == OPTIONS_MAX_INTERFACES)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"-i: more than %d interfaces; '-i any' takes all of them",
				OPTIONS_MAX_INTERFACES);
	opt->interfaces[n] = name;
	return 0;
}

/* The kernel keeps 15 bytes of a thread's name, so a longer one is compared by its first 15. */
static int set_comm(struct options *opt, const char *name, struct diag *d)
{
	if (!*name)
		return diag_set(d, EXIT_USAGE, -EINVAL, "--comm: the name is empty");
	memset(opt->comm, 0, sizeof(opt->comm));
	memcpy(opt->comm, name, strnlen(name, sizeof(opt->comm) - 1));
	return 0;
}

/* What the user calls something: to the end of a list. */
static int add_name(const char *option, const char **list, const char *name, struct diag *d)
{
	unsigned int n = 0;

	if (!*name)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s: the name is empty", option);
	while (list[n])
		n++;
	if (n == OPTIONS_MAX_NAMES)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s: it takes at most %d of them", option,
				OPTIONS_MAX_NAMES);
	list[n] = name;
	return 0;
}

static int parse_workload(struct options *opt, int key, char *arg, struct diag *d)
{
	switch (key) {
	case 'c':
		return add_name("-c", opt->containers, arg, d);
	case KEY_POD:
		return add_name("--pod", opt->pods, arg, d);
	case KEY_UNIT:
		return add_name("--unit", opt->units, arg, d);
	case 'g':
		if (arg[0] != '/')
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"-g: '%.200s' is not a path from the cgroup root; write it "
					"as /system.slice/nginx.service (see /proc/PID/cgroup)",
					arg);
		return add_name("-g", opt->cgroups, arg, d);
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_source(struct options *opt, int key, char *arg, struct diag *d)
{
	int value, err = 0;
	uint64_t n;

	if ((key == 'r' || key == 'i' || key == KEY_NETNS || key == KEY_BTF) && !*arg)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s: the name is empty",
				key == 'r'	   ? "-r"
				: key == 'i'	   ? "-i"
				: key == KEY_NETNS ? "--netns"
						   : "--btf");
	switch (key) {
	case 'r':
		opt->read_file = arg;
		return 0;
	case 'i':
		return add_interface(opt, arg, d);
	case KEY_NETNS:
		opt->netns = arg;
		return 0;
	case KEY_BTF:
		opt->btf_file = arg;
		return 0;
	case KEY_HOOK:
		err = parse_choice("--hook", arg, hook_choices, &value, d);
		if (!err)
			opt->hook = (enum hook)value;
		return err;
	case 'f':
		opt->filter = arg;
		return 0;
	case 's':
		/* Below this not even the TCP header of an IPv6 packet with options fits. */
		err = units_parse_number("-s", arg, 100, 1 << 18, &n, d);
		if (!err)
			opt->snaplen = (uint32_t)n;
		return err;
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_what(struct options *opt, int key, char *arg, struct diag *d)
{
	int value, err = 0;
	uint64_t n;

	switch (key) {
	case 'p':
		err = units_parse_number("-p", arg, 1, 1 << 22, &n, d);
		if (!err)
			opt->pid = (uint32_t)n;
		return err;
	case KEY_FOLLOW:
		opt->follow = true;
		return 0;
	case KEY_COMM:
		return set_comm(opt, arg, d);
	case KEY_UID:
		err = units_parse_number("--uid", arg, 0, UINT32_MAX - 1, &n, d);
		if (!err) {
			opt->uid = (uint32_t)n;
			opt->by_uid = true;
		}
		return err;
	case KEY_PORT:
		err = units_parse_number("--port", arg, 1, 65535, &n, d);
		if (!err)
			opt->port = (uint16_t)n;
		return err;
	case KEY_SIDE:
		err = parse_choice("--side", arg, side_choices, &value, d);
		if (!err)
			opt->side = (enum tx_side)value;
		return err;
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_duration_above_0(const char *what, const char *arg, uint64_t *out, struct diag *d)
{
	uint64_t ns;
	int err = units_parse_duration(what, arg, &ns, d);

	if (err)
		return err;
	if (!ns)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s: it has to be longer than 0", what);
	*out = ns;
	return 0;
}

static int parse_requests(struct reqfilter *f, int key, char *arg, struct diag *d)
{
	switch (key) {
	case 'm':
		return reqfilter_add_method(f, arg, d);
	case KEY_PATH:
		return reqfilter_add_path(f, arg, d);
	case KEY_HOST:
		return reqfilter_add_host(f, arg, d);
	case KEY_STATUS:
		return reqfilter_add_status(f, arg, d);
	case KEY_REMOTE:
		return reqfilter_add_remote(f, arg, d);
	case KEY_SLOW:
		return parse_duration_above_0("--slow", arg, &f->slow_ns, d);
	case KEY_ERRORS:
		f->errors = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* RFC 9110 §5.6.2: a token. Case does not matter. */
static int add_header(struct options *opt, char *name, struct diag *d)
{
	unsigned int n = 0;
	char *c;

	for (c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--header: '%.80s' is no header's name", name);
		*c = (char)tolower((unsigned char)*c);
	}
	if (c == name || c - name > OPTIONS_MAX_HEADER_LEN)
		return diag_set(d, EXIT_USAGE, -EINVAL, "--header: a name has 1 to %d characters",
				OPTIONS_MAX_HEADER_LEN);
	while (opt->headers[n] && strcmp(opt->headers[n], name) != 0)
		n++;
	if (n == OPTIONS_MAX_HEADERS)
		return diag_set(d, EXIT_USAGE, -EINVAL, "--header: it takes at most %d of them",
				OPTIONS_MAX_HEADERS);
	opt->headers[n] = name;
	return 0;
}

static int set_body(struct options *opt, const char *arg, struct diag *d)
{
	uint64_t n;
	int err = units_parse_size("--body", arg, &n, d);

	if (err)
		return err;
	if (!n || n > OPTIONS_MAX_BODY)
		return diag_set(d, EXIT_USAGE, -ERANGE, "--body: '%.40s' is not within 1 and %uK",
				arg, OPTIONS_MAX_BODY >> 10);
	opt->body_bytes = (uint32_t)n;
	return 0;
}

static int parse_shown(struct options *opt, int key, char *arg, struct diag *d)
{
	int value, err = 0;

	switch (key) {
	case 'd':
		return parse_duration_above_0("-d", arg, &opt->duration_ns, d);
	case 'n':
		return units_parse_number("-n", arg, 1, UINT64_MAX, &opt->count, d);
	case 'o':
		if (opt->command == COMMAND_TOP)
			return diag_set(
				d, EXIT_USAGE, -EINVAL,
				"-o doesn't go with top, which has the terminal for its output; "
				"httplat stat -o %.20s writes the same table",
				arg);
		err = parse_choice("-o", arg,
				   opt->command == COMMAND_STAT ? table_choices : format_choices,
				   &value, d);
		if (!err)
			opt->format = (enum report_format)value;
		return err;
	case 'v':
		opt->verbose = true;
		return 0;
	case KEY_HAR:
		if (!*arg)
			return diag_set(d, EXIT_USAGE, -EINVAL, "--har: the name is empty");
		opt->har_file = arg;
		return 0;
	case KEY_HEADER:
		return add_header(opt, arg, d);
	case KEY_BODY:
		return set_body(opt, arg, d);
	case KEY_UNTIL_SLOW:
		return parse_duration_above_0("--until-slow", arg, &opt->until_slow_ns, d);
	case KEY_FAIL_IF:
		if (opt->fail_if_cnt == OPTIONS_MAX_CONDITIONS)
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--fail-if: it takes at most %d of them",
					OPTIONS_MAX_CONDITIONS);
		return failif_parse(arg, &opt->fail_if[opt->fail_if_cnt++], d);
	case KEY_EXPLAIN:
		opt->explain = true;
		return 0;
	case KEY_JOINED:
		opt->joined = true;
		return 0;
	case KEY_NO_REDACT:
		opt->redact = false;
		return 0;
	case KEY_GAP_TIMEOUT:
		return parse_duration_above_0("--gap-timeout", arg, &opt->gap_timeout_ns, d);
	case KEY_IDLE_TIMEOUT:
		return parse_duration_above_0("--idle-timeout", arg, &opt->idle_timeout_ns, d);
	case KEY_MAX_MEMORY:
		err = units_parse_size("--max-memory", arg, &opt->max_memory, d);
		if (!err && opt->max_memory < 1 << 20)
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--max-memory: '%.40s' is too little; it takes at least 1M",
					arg);
		return err;
	case KEY_RING_SIZE:
		err = units_parse_size("--ring-size", arg, &opt->ring_bytes, d);
		if (!err && (!opt->ring_bytes || opt->ring_bytes > RING_MAX))
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"--ring-size: '%.40s' is out of range; it takes up to 1G",
					arg);
		return err;
	case KEY_HELP:
		opt->help = true;
		return 0;
	case KEY_VERSION:
		opt->version = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_saved(struct options *opt, int key, char *arg, struct diag *d)
{
	uint64_t n;
	int err;

	switch (key) {
	case 'w':
	case KEY_SAVE_SLOW:
		if (!*arg)
			return diag_set(d, EXIT_USAGE, -EINVAL, "%s: the name is empty",
					key == 'w' ? "-w" : "--save-slow");
		*(key == 'w' ? &opt->write_file : &opt->save_slow) = arg;
		return 0;
	case 'C':
		err = units_parse_size("-C", arg, &opt->write_size, d);
		if (!err && opt->write_size < 1 << 16)
			return diag_set(d, EXIT_USAGE, -EINVAL,
					"-C: '%.40s' is too little; it takes at least 64K", arg);
		return err;
	case 'W':
		err = units_parse_number("-W", arg, 1, 1000000, &n, d);
		if (!err)
			opt->write_files = (uint32_t)n;
		return err;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Whether a list with commas has `name` next; moves on behind it. */
static bool take_name(const char **text, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*text, name, len) != 0 || ((*text)[len] && (*text)[len] != ','))
		return false;
	*text += len;
	return true;
}

static int parse_by(struct stats_options *so, const char *text, struct diag *d)
{
	const char *rest = text;
	unsigned int key, i;

	do {
		for (key = 0; key < STATS_KEYS; key++)
			if (take_name(&rest, stats_key_name(key)))
				break;
		for (i = 0; i < so->by_cnt && so->by[i] != key; i++)
			;
		if (key == STATS_KEYS || i < so->by_cnt)
			return diag_set(d, EXIT_USAGE, -EINVAL,
					key == STATS_KEYS
						? "--by: '%.80s' has a key that there is not; see "
						  "httplat --help"
						: "--by: '%.80s' has a key twice",
					text);
		so->by[so->by_cnt++] = (enum stats_key)key;
	} while (*rest++ == ',');
	return 0;
}

static int parse_time(const char *text, enum part *out, struct diag *d)
{
	for (enum part part = 0; part <= PART_READ; part++) {
		if (strcmp(text, part_name(part)) != 0)
			continue;
		*out = part;
		return 0;
	}
	return diag_set(d, EXIT_USAGE, -EINVAL,
			"--time: '%.40s' is no time of a request; see httplat --help", text);
}

static int parse_sort(const char *text, enum stats_sort *out, struct diag *d)
{
	for (unsigned int i = 0; stats_sort_names[i]; i++) {
		if (strcmp(text, stats_sort_names[i]) != 0)
			continue;
		*out = (enum stats_sort)i;
		return 0;
	}
	return diag_set(d, EXIT_USAGE, -EINVAL,
			"--sort: '%.40s' is no column that can be sorted by; see httplat --help",
			text);
}

static int parse_stat(struct options *opt, int key, char *arg, struct diag *d)
{
	static const char *const names[] = {"--by",	  "--time",	 "--sort",
					    "--interval", "--histogram", "--heat"};

	if (key < KEY_BY || key > KEY_HEAT)
		return ARGP_ERR_UNKNOWN;
	if (opt->command == COMMAND_TRACE)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s is about tables: httplat stat %s ...",
				names[key - KEY_BY], names[key - KEY_BY]);
	if (opt->command == COMMAND_TOP && key >= KEY_HISTOGRAM)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s doesn't go with top: it is for httplat stat",
				names[key - KEY_BY]);
	switch (key) {
	case KEY_BY:
		return parse_by(&opt->stats, arg, d);
	case KEY_TIME:
		return parse_time(arg, &opt->stats.time, d);
	case KEY_SORT:
		return parse_sort(arg, &opt->stats.sort, d);
	case KEY_INTERVAL:
		return parse_duration_above_0("--interval", arg, &opt->interval_ns, d);
	}
	opt->histogram |= key == KEY_HISTOGRAM;
	opt->heat |= key == KEY_HEAT;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	int err;

	switch (key) {
	case ARGP_KEY_INIT:
		/* getopt names the offending option; the usage summary after it says nothing
		 * more. */
		state->err_stream = NULL;
		return 0;
	case ARGP_KEY_ARG:
		if (state->quoted) { /* behind "--": a command, with all that follows */
			p->opt->command_argv = state->argv + state->next - 1;
			state->next = state->argc;
			return 0;
		}
		diag_set(p->d, EXIT_USAGE, -EINVAL,
			 "'%.80s' is not expected here; options begin with '-', and a capture "
			 "filter goes after -f, in quotes; a command to run goes after --",
			 arg);
		return EINVAL;
	}
	err = parse_source(p->opt, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_what(p->opt, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_workload(p->opt, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_requests(&p->opt->requests, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_stat(p->opt, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_saved(p->opt, key, arg, p->d);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_shown(p->opt, key, arg, p->d);
	return err < 0 ? EINVAL : err;
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = NULL,
	.doc = help_text,
};

int options_parse(enum command command, int argc, char **argv, struct options *out, struct diag *d)
{
	struct options opt = {
		.command = command,
		.redact = true,
		.gap_timeout_ns = flow_config_default.gap_timeout_ns,
		.idle_timeout_ns = flow_config_default.idle_timeout_ns,
		.max_memory = flow_config_default.max_memory,
	};
	struct parse p = {&opt, d};
	int err;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT, NULL, &p)) {
		d->status = EXIT_USAGE;
		return -EINVAL;
	}
	if (!opt.help && !opt.version) {
		err = options_check(&opt, d);
		if (err)
			return err;
	}
	if (opt.netns && !opt.interfaces[0])
		opt.interfaces[0] = "any";
	/* A capture file has no processes. */
	if (!opt.stats.by_cnt)
		opt.stats.by[opt.stats.by_cnt++] = opt.read_file ? STATS_HOST : STATS_PROCESS;
	opt.stats.redact = opt.redact;
	if (opt.command == COMMAND_TOP && !opt.interval_ns)
		opt.interval_ns = TOP_INTERVAL_NS;
	*out = opt;
	return 0;
}

void options_print_help(FILE *out)
{
	static char name[] = "httplat";

	fputs("Usage: httplat [COMMAND] [OPTION]... [-- PROGRAM [ARG]...]\n", out);
	argp_help(&argp, out, ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC, name);
}

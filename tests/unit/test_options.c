// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "options.h"
#include "options_check.h"

#define MAX_WORDS 64

static struct diag diag;
static char words_text[1024];

/* Parses a command line given as one string, words apart by single blanks. The words stay until
 * the next call. */
static int parse_as(enum command command, const char *line, struct options *opt)
{
	static char *argv[MAX_WORDS + 1];

	int argc = 1;
	char *word;

	memset(argv, 0, sizeof(argv));
	argv[0] = "httplat";
	memset(&diag, 0, sizeof(diag));
	snprintf(words_text, sizeof(words_text), "%s", line);
	for (word = strtok(words_text, " "); word && argc < MAX_WORDS; word = strtok(NULL, " "))
		argv[argc++] = word;
	return options_parse(command, argc, argv, opt, &diag);
}

static int parse(const char *line, struct options *opt)
{
	return parse_as(COMMAND_TRACE, line, opt);
}

/* What getopt prints is not the test's business here: only that it does. */
static int parse_quietly(const char *line, struct options *opt, char *said, size_t size)
{
	int saved = dup(STDERR_FILENO), fds[2], err;
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	fflush(stderr);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	err = parse(line, opt);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	return err;
}

static void refuse_as(enum command command, const char *line, const char *part)
{
	struct options opt;

	assert_int_equal(parse_as(command, line, &opt), -EINVAL);
	assert_int_equal(diag.status, EXIT_USAGE);
	if (!strstr(diag.text, part))
		fail_msg("'%s' says '%s', not '%s'", line, diag.text, part);
	assert_null(strchr(diag.text, '\n'));
}

static void refuse(const char *line, const char *part)
{
	refuse_as(COMMAND_TRACE, line, part);
}

static void test_defaults(void **state)
{
	struct options opt;

	assert_int_equal(parse("", &opt), 0);
	assert_null(opt.read_file);
	assert_null(opt.interfaces[0]);
	assert_int_equal(opt.hook, HOOK_UNKNOWN);
	assert_int_equal(opt.format, REPORT_TEXT);
	assert_true(opt.redact);
	assert_false(opt.verbose);
	assert_int_equal(opt.gap_timeout_ns, 10000000000);
	assert_int_equal(opt.idle_timeout_ns, 600000000000);
	assert_int_equal(opt.max_memory, 64u << 20);
	assert_int_equal(opt.count, 0);
}

static void test_everything_live(void **state)
{
	struct options opt;

	assert_int_equal(
		parse("-i eth0 --interface=eth1 -i eth0 --netns web --btf b --hook socket -f tcp "
		      "-s 256 -p 42 --follow --comm nginx --uid 33 -c web -g /web --pod "
		      "shop/web-0 --unit nginx --container=0a1b -g /db/* --port 80 --side "
		      "server -d 1.5s "
		      "-n 7 -o json -v --no-redact --gap-timeout 1s --idle-timeout 1m "
		      "--max-memory 16M --ring-size 64K",
		      &opt),
		0);
	assert_string_equal(opt.interfaces[0], "eth0");
	assert_string_equal(opt.interfaces[1], "eth1");
	assert_null(opt.interfaces[2]);
	assert_string_equal(opt.netns, "web");
	assert_string_equal(opt.btf_file, "b");
	assert_int_equal(opt.hook, HOOK_SOCKET);
	assert_string_equal(opt.filter, "tcp");
	assert_int_equal(opt.snaplen, 256);
	assert_int_equal(opt.pid, 42);
	assert_string_equal(opt.comm, "nginx");
	assert_true(opt.follow);
	assert_true(opt.by_uid);
	assert_int_equal(opt.uid, 33);
	assert_string_equal(opt.containers[0], "web");
	assert_string_equal(opt.containers[1], "0a1b");
	assert_null(opt.containers[2]);
	assert_string_equal(opt.pods[0], "shop/web-0");
	assert_string_equal(opt.units[0], "nginx");
	assert_string_equal(opt.cgroups[0], "/web");
	assert_string_equal(opt.cgroups[1], "/db/*");
	assert_null(opt.cgroups[2]);
	assert_int_equal(opt.port, 80);
	assert_int_equal(opt.side, SIDE_SERVER);
	assert_int_equal(opt.duration_ns, 1500000000);
	assert_int_equal(opt.count, 7);
	assert_int_equal(opt.format, REPORT_JSON);
	assert_true(opt.verbose);
	assert_false(opt.redact);
	assert_int_equal(opt.gap_timeout_ns, 1000000000);
	assert_int_equal(opt.idle_timeout_ns, 60000000000);
	assert_int_equal(opt.max_memory, 16 << 20);
	assert_int_equal(opt.ring_bytes, 64 << 10);
}

static void test_file(void **state)
{
	struct options opt;

	assert_int_equal(parse("-r - -f tcp --port 80 -n 5 --side transit -o json", &opt), 0);
	assert_string_equal(opt.read_file, "-");
}

static void test_long_comm_is_cut_as_the_kernel_cuts_it(void **state)
{
	struct options opt;

	assert_int_equal(parse("--comm a-very-long-process-name", &opt), 0);
	assert_string_equal(opt.comm, "a-very-long-pro");
}

static void test_netns_alone_means_all_its_interfaces(void **state)
{
	struct options opt;

	assert_int_equal(parse("--netns 1234", &opt), 0);
	assert_string_equal(opt.interfaces[0], "any");
}

/* Only what httplat recorded says whose the sockets were. */
static void test_owners_of_a_capture_file(void **state)
{
	static const char *const owners[] = {"-p 1",  "--comm a", "-g /a",	   "-c a",
					     "--pod a", "--unit a", "--side server", "--joined"};
	struct options opt;
	struct diag d;
	char line[64];

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		snprintf(line, sizeof(line), "-r x %s", owners[i]);
		assert_int_equal(parse(line, &opt), 0);
		assert_int_equal(options_check_capture(&opt, true, &d), 0);
		d = (struct diag){0};
		assert_int_equal(options_check_capture(&opt, false, &d), -EINVAL);
		assert_int_equal(d.status, EXIT_USAGE);
		assert_non_null(strstr(d.text, "doesn't go with -r"));
		assert_memory_equal(d.text, owners[i], strcspn(owners[i], " "));
	}
	assert_int_equal(parse("-r x --side transit --port 80", &opt), 0);
	assert_int_equal(options_check_capture(&opt, false, &d), 0);
}

static void test_what_does_not_go_together(void **state)
{
	refuse("-r x -i eth0", "-i doesn't go with -r");
	refuse("-r x --netns web", "--netns doesn't go with -r");
	refuse("-r x --hook tc", "--hook doesn't go with -r");
	refuse("-r x --btf y", "--btf doesn't go with -r");
	refuse("-r x -s 256", "-s doesn't go with -r");
	refuse("-r x -d 1s", "-d doesn't go with -r");
	refuse("-r x --uid 0", "--uid doesn't go with -r");
	refuse("--follow", "--follow needs a process");
	refuse("-C 1M", "add -w FILE");
	refuse("-w a -C 1K", "at least 64K");
	refuse("-w - -C 1M", "-C doesn't go with -w -");
	refuse("-w a -W 3", "add -w FILE -C SIZE");
	refuse("--save-slow d", "add --slow DURATION");
	refuse("--hook cgroup -i eth0", "--hook tc");
	refuse("--hook cgroup --netns web", "--netns doesn't go with --hook cgroup");
	refuse("--hook tc", "-i any");
	refuse("-i any -i eth0", "-i any is every interface");
}

static void test_bad_values(void **state)
{
	refuse("-d 5", "no unit");
	refuse("-d 0", "longer than 0");
	refuse("-n 0", "out of range");
	refuse("-n -1", "not a number");
	refuse("-p 0", "out of range");
	refuse("--port 65536", "out of range");
	refuse("-s 20", "out of range");
	refuse("--hook xdp", "it takes auto, cgroup, tc or socket");
	refuse("--side both", "it takes client, server or transit");
	refuse("-o json --explain", "--explain is for reading");
	refuse("--joined -o json", "exchange.id");
	refuse("--joined -o wide", "doesn't go with -o wide");
	refuse("--joined --explain", "doesn't go with --explain");
	refuse("--joined --side client", "it takes both");
	refuse("-o xml", "it takes text, wide or json");
	refuse("-g web", "not a path from the cgroup root");
	refuse("--max-memory 4K", "at least 1M");
	refuse("--ring-size 2G", "up to 1G");
	refuse("--ring-size 0", "--ring-size");
	refuse("-r x --ring-size 64K", "no kernel that fills it");
	refuse("port 80", "a capture filter goes after -f");
}

static void test_stat(void **state)
{
	struct options opt;

	assert_int_equal(parse_as(COMMAND_STAT, "", &opt), 0);
	assert_int_equal(opt.stats.by_cnt, 1);
	assert_int_equal(opt.stats.by[0], STATS_PROCESS);
	assert_int_equal(opt.stats.time, PART_LATENCY);
	assert_int_equal(opt.stats.sort, STATS_BY_COUNT);
	assert_int_equal(parse_as(COMMAND_STAT, "-r x", &opt), 0);
	assert_int_equal(opt.stats.by[0], STATS_HOST);
	assert_int_equal(parse_as(COMMAND_STAT,
				  "--by route,method --by status --time queue --sort p99 "
				  "--interval 5s --histogram",
				  &opt),
			 0);
	assert_int_equal(opt.stats.by_cnt, 3);
	assert_int_equal(opt.stats.by[0], STATS_ROUTE);
	assert_int_equal(opt.stats.by[2], STATS_STATUS);
	assert_int_equal(opt.stats.time, PART_QUEUE);
	assert_int_equal(opt.stats.sort, STATS_BY_P99);
	assert_int_equal(opt.interval_ns, 5000000000);
	assert_true(opt.histogram);
	assert_int_equal(parse_as(COMMAND_STAT, "-o csv", &opt), 0);
	assert_int_equal(opt.format, REPORT_CSV);
	refuse_as(COMMAND_STAT, "-o wide", "it takes text, json or csv");
	refuse_as(COMMAND_STAT, "--by colour", "a key that there is not");
	refuse_as(COMMAND_STAT, "--by pid,", "a key that there is not");
	refuse_as(COMMAND_STAT, "--by pid,pid", "a key twice");
	refuse_as(COMMAND_STAT, "--time srtt", "is no time of a request");
	refuse_as(COMMAND_STAT, "--sort rates", "no column");
	refuse_as(COMMAND_STAT, "--histogram -o json", "text only");
	refuse_as(COMMAND_STAT, "--heat -o csv", "--heat is for reading");
	refuse_as(COMMAND_STAT, "-v", "-v doesn't go with stat");
	refuse_as(COMMAND_STAT, "--explain", "--explain doesn't go with stat");
	refuse("--by pid", "--by is about tables: httplat stat --by");
	refuse("--histogram", "--histogram is about tables");
	refuse("--heat", "--heat is about tables");
	refuse("-o csv", "it takes text, wide or json");
}

static void test_top(void **state)
{
	struct options opt;

	assert_int_equal(parse_as(COMMAND_TOP, "", &opt), 0);
	assert_int_equal(opt.stats.by[0], STATS_PROCESS);
	assert_int_equal(opt.interval_ns, 1000000000);
	assert_int_equal(
		parse_as(COMMAND_TOP,
			 "-r x --by route,method --time app --sort rate --interval 200ms -n 3 "
			 "--fail-if p99>1s --har y --slow 1ms",
			 &opt),
		0);
	assert_int_equal(opt.stats.by_cnt, 2);
	assert_int_equal(opt.stats.sort, STATS_BY_RATE);
	assert_int_equal(opt.interval_ns, 200000000);
	refuse_as(COMMAND_TOP, "-o json", "httplat stat -o json writes the same table");
	refuse_as(COMMAND_TOP, "--heat", "--heat doesn't go with top");
	refuse_as(COMMAND_TOP, "--histogram", "--histogram doesn't go with top");
	refuse_as(COMMAND_TOP, "-v", "-v doesn't go with top");
	refuse_as(COMMAND_TOP, "--joined", "--joined doesn't go with top");
	refuse_as(COMMAND_TOP, "-r x -d 1s", "-d doesn't go with -r");
}

static void test_one_shot(void **state)
{
	struct options opt;

	assert_int_equal(
		parse("--until-slow 1s --fail-if p99>200ms --fail-if err>1% -- curl -s http://h/",
		      &opt),
		0);
	assert_int_equal(opt.until_slow_ns, 1000000000);
	assert_int_equal(opt.fail_if_cnt, 2);
	assert_int_equal(opt.fail_if[1].what, FAILIF_ERR);
	assert_string_equal(opt.command_argv[0], "curl");
	assert_string_equal(opt.command_argv[1], "-s");
	assert_string_equal(opt.command_argv[2], "http://h/");
	assert_null(opt.command_argv[3]);
	/* What looks like httplat's option is the command's. */
	assert_int_equal(parse("-n 5 -- ls -n 7", &opt), 0);
	assert_int_equal(opt.count, 5);
	assert_string_equal(opt.command_argv[1], "-n");
	assert_int_equal(parse("-n 5 --", &opt), 0);
	assert_null(opt.command_argv);
	refuse("-p 7 -- ls", "-p doesn't go with a command");
	refuse("-r x -- ls", "-- COMMAND doesn't go with -r");
	refuse("--fail-if p99", "is no condition");
	refuse("--until-slow 0s", "longer than 0");
}

static void test_headers(void **state)
{
	struct options opt;

	assert_int_equal(parse("--header X-Trace-Id --header via --header VIA", &opt), 0);
	assert_string_equal(opt.headers[0], "x-trace-id");
	assert_string_equal(opt.headers[1], "via");
	assert_null(opt.headers[2]);
	refuse("--header a:b", "is no header's name");
	refuse("--header=", "1 to 47 characters");
	refuse("--header a123456789a123456789a123456789a123456789a1234567", "1 to 47 characters");
}

static void test_body(void **state)
{
	struct options opt;

	assert_int_equal(parse("-r x", &opt), 0);
	assert_int_equal(opt.body_bytes, 0);
	assert_int_equal(parse("--body 1", &opt), 0);
	assert_int_equal(opt.body_bytes, 1);
	assert_int_equal(parse("--body 64K --joined", &opt), 0);
	assert_int_equal(opt.body_bytes, 65536);
	refuse("--body 0", "not within 1 and 64K");
	refuse("--body 65537", "not within 1 and 64K");
	refuse("--body 5G", "not within 1 and 64K");
	refuse("--body -1", "is not a size");
}

static void test_requests(void **state)
{
	struct options opt;

	assert_int_equal(
		parse("-m get --path /a* --host h --status 5xx --remote 10.0.0.0/8 --slow 1ms "
		      "--errors -r x",
		      &opt),
		0);
	assert_int_equal(opt.requests.method_cnt, 1);
	assert_int_equal(opt.requests.path_cnt, 1);
	assert_int_equal(opt.requests.slow_ns, 1000000);
	assert_true(opt.requests.errors);
	refuse("--status 6", "is no status");
	refuse("--slow 5", "has no unit");
}

static void test_getopt_speaks_in_one_sentence(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{"--p 80", "ambiguous"},
		{"--bogus", "unrecognized option '--bogus'"},
		{"-Z web", "invalid option -- 'Z'"},
		{"--bodies", "unrecognized option '--bodies'"},
		{"-p", "requires an argument"},
		{"--verbose=1", "doesn't allow an argument"},
	};
	struct options opt;
	char said[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse_quietly(cases[i].line, &opt, said, sizeof(said)), -EINVAL);
		assert_int_equal(diag.status, EXIT_USAGE);
		assert_string_equal(diag.text, "");
		assert_non_null(strstr(said, cases[i].part));
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void test_help(void **state)
{
	static const char *const promised[] = {
		"--read",	"--interface",	 "--netns",	"--hook",      "--filter",
		"--snaplen",	"--pid",	 "--comm",	"--cgroup",    "--port",
		"--side",	"--duration",	 "--count",	"--output",    "--verbose",
		"--no-redact",	"--gap-timeout", "--version",	"--help",      "--idle-timeout",
		"--max-memory", "trace",	 "check",	"decode",      "Examples:",
		"--follow",	"--uid",	 "--container", "--pod",       "--unit",
		"\n  ps ",	"\n  stat ",	 "\n  top ",	"--slow",      "--errors",
		"--explain",	"--joined",	 "--by",	"--fail-if",   "--until-slow",
		"--write",	"-C SIZE",	 "-W N",	"--save-slow", "--body",
		"--btf",
	};
	struct options opt;
	char *text = NULL, *line;
	size_t size, i;
	FILE *out;

	assert_int_equal(parse("--help -r x -i y", &opt), 0);
	assert_true(opt.help);
	out = open_memstream(&text, &size);
	options_print_help(out);
	fclose(out);
	for (i = 0; i < sizeof(promised) / sizeof(promised[0]); i++)
		assert_non_null(strstr(text, promised[i]));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_in_range(strlen(line), 0, 79);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_live),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_long_comm_is_cut_as_the_kernel_cuts_it),
		cmocka_unit_test(test_netns_alone_means_all_its_interfaces),
		cmocka_unit_test(test_owners_of_a_capture_file),
		cmocka_unit_test(test_what_does_not_go_together),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_one_shot),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_getopt_speaks_in_one_sentence),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "cmd_check.h"
#include "cmd_decode.h"
#include "cmd_ps.h"
#include "diag.h"
#include "options.h"
#include "trace.h"

/* Prints the sentence and returns the exit status. */
static int fail(const struct diag *d)
{
	if (d->text[0])
		diag_print(d, "httplat");
	return d->status ? d->status : EXIT_RUNTIME;
}

static int run(enum command command, int argc, char **argv)
{
	static char name[] = "httplat"; /* what getopt begins its sentences with */
	struct diag d = {0};
	struct options opt;

	argv[0] = name;
	if (options_parse(command, argc, argv, &opt, &d))
		return fail(&d);
	if (opt.help) {
		options_print_help(stdout);
		return EXIT_DONE;
	}
	if (opt.version) {
		puts("httplat " HTTPLAT_VERSION);
		return EXIT_DONE;
	}
	return trace_run(&opt, &d) ? fail(&d) : EXIT_DONE;
}

static int cmd_trace(int argc, char **argv)
{
	return run(COMMAND_TRACE, argc, argv);
}

static int cmd_stat(int argc, char **argv)
{
	return run(COMMAND_STAT, argc, argv);
}

static int cmd_top(int argc, char **argv)
{
	return run(COMMAND_TOP, argc, argv);
}

static int unknown_command(const char *name)
{
	struct diag d = {0};

	diag_set(&d, EXIT_USAGE, 0,
		 "there is no command '%.80s'; see httplat --help (a capture filter goes after -f)",
		 name);
	return fail(&d);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"trace", cmd_trace}, {"stat", cmd_stat},   {"top", cmd_top},
		{"ps", cmd_ps},	      {"check", cmd_check}, {"decode", cmd_decode},
	};
	size_t i;

	if (argc < 2 || argv[1][0] == '-')
		return cmd_trace(argc, argv);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return unknown_command(argv[1]);
}

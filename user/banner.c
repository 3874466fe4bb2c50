// SPDX-License-Identifier: GPL-2.0-only
#include "banner.h"

#include <stdio.h>
#include <string.h>

#include "caps.h"

void banner_source(const struct options *opt, const struct live *live, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");
	unsigned int i;

	text[0] = 0;
	if (!out)
		return;
	if (opt->read_file)
		fputs(strcmp(opt->read_file, "-") ? opt->read_file : "standard input", out);
	else if (live_hook(live) == HOOK_CGROUP)
		fputs("at every local socket", out);
	else if (!opt->interfaces[0] || strcmp(opt->interfaces[0], "any") == 0)
		fputs("at every interface", out);
	for (i = 0; opt->interfaces[i] && strcmp(opt->interfaces[0], "any") != 0; i++)
		fprintf(out, "%s%s", i ? ", " : "at ", opt->interfaces[i]);
	if (opt->netns)
		fprintf(out, " of network namespace %s", opt->netns);
	if (live)
		fprintf(out, " (%s hook)",
			(const char *const[]){"?", "cgroup", "tc", "socket", "?"}[live_hook(live)]);
	fclose(out);
	text[size - 1] = 0;
}

void banner_print(const struct options *opt, const struct live *live, const char *source)
{
	bool ends = opt->duration_ns || opt->count || opt->command_argv ||
		    opt->command == COMMAND_TOP;
	const struct cap_use *use;
	const char *note;
	unsigned int i;

	fprintf(stderr, "tracing HTTP %s%s\n", source, ends ? "" : "; Ctrl-C ends it");
	for (i = 0; (note = live_note(live, i)); i++)
		fprintf(stderr, "note: %s\n", note);
	for (i = 0; (use = caps_use(i)); i++)
		if (CAPS_NAMES & CAPS(use->cap) && !caps_have(use->cap))
			fprintf(stderr, "note: %s is missing: %s\n", use->name, use->without);
}

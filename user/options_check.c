// SPDX-License-Identifier: GPL-2.0-only
#include "options_check.h"

#include <errno.h>
#include <string.h>

/* Options that don't go with -r, and why. */
struct refused {
	bool given;
	const char *name, *why;
};

static int refuse(const struct refused *refused, size_t cnt, struct diag *d)
{
	for (size_t i = 0; i < cnt; i++)
		if (refused[i].given)
			return diag_set(d, EXIT_USAGE, -EINVAL, "%s doesn't go with -r: %s",
					refused[i].name, refused[i].why);
	return 0;
}

/* Nothing in a capture file says whose the sockets were, unless httplat wrote it. */
int options_check_capture(const struct options *o, bool recorded, struct diag *d)
{
	static const char nobodys[] =
		"this capture file doesn't say whose a socket was; what httplat -w writes does";
	const struct refused refused[] = {
		{o->pid, "-p", nobodys},
		{o->comm[0], "--comm", nobodys},
		{o->containers[0], "-c", nobodys},
		{o->pods[0], "--pod", nobodys},
		{o->units[0], "--unit", nobodys},
		{o->cgroups[0], "-g", nobodys},
		{o->side == SIDE_CLIENT || o->side == SIDE_SERVER, "--side", nobodys},
		{o->joined, "--joined", nobodys},
	};

	return recorded ? 0 : refuse(refused, sizeof(refused) / sizeof(refused[0]), d);
}

/* A capture file is read as it is: no kernel is asked. */
static int check_file_options(const struct options *o, struct diag *d)
{
	const struct refused refused[] = {
		{o->interfaces[0], "-i", "it names an interface of the live host"},
		{o->netns, "--netns", "it names a network namespace of the live host"},
		{o->hook != HOOK_UNKNOWN, "--hook", "it says where in the live kernel to look"},
		{o->btf_file, "--btf", "it describes the live kernel"},
		{o->snaplen, "-s", "the capture has its own limit"},
		{o->ring_bytes, "--ring-size", "there is no kernel that fills it"},
		{o->duration_ns, "-d",
		 "a file ends by itself; -n stops after a number of requests"},
		{o->command_argv, "-- COMMAND", "what is in a capture file has been run"},
		{o->follow, "--follow", "no capture file says who began whom"},
		{o->by_uid, "--uid", "no capture file says as whom a process acted"},
	};

	return refuse(refused, sizeof(refused) / sizeof(refused[0]), d);
}

static int check_saving_options(const struct options *o, struct diag *d)
{
	if (o->write_size && !o->write_file)
		return diag_set(d, EXIT_USAGE, -EINVAL, "-C is about -w: add -w FILE");
	if (o->write_size && !strcmp(o->write_file, "-"))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"-C doesn't go with -w -: standard output is one file");
	if (o->write_files && !o->write_size && !o->save_slow)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"-W needs to know when a file is full: add -w FILE -C SIZE");
	if (o->save_slow && !o->requests.slow_ns)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--save-slow needs to know what is slow: add --slow DURATION");
	return 0;
}

static int check_output_options(const struct options *o, struct diag *d)
{
	const char *given = o->explain ? "--explain" : "--joined";

	if ((o->histogram || o->heat) && o->format != REPORT_TEXT)
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s is for reading: it goes with text only",
				o->histogram ? "--histogram" : "--heat");
	if (o->command != COMMAND_TRACE && (o->explain || o->joined || o->verbose))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				o->command == COMMAND_STAT
					? "%s doesn't go with stat, which prints no single request"
					: "%s doesn't go with top, which prints nothing",
				o->verbose ? "-v" : given);

	if (o->command == COMMAND_STAT && o->body_bytes && !o->har_file)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--body doesn't go with stat, which prints no single request");
	if (!o->explain && !o->joined)
		return 0;
	if (o->format == REPORT_JSON)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s is for reading; with -o json there is %s in every object",
				given, o->explain ? "all that it draws" : "exchange.id");
	if (!o->joined)
		return 0;
	if (o->explain || o->format == REPORT_WIDE)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--joined doesn't go with %s: the parts of each end are its own",
				o->explain ? "--explain" : "-o wide");
	if (o->side != SIDE_UNKNOWN)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--joined doesn't go with --side: it takes both");
	return 0;
}

static int check_live_options(const struct options *o, struct diag *d)
{
	if (o->command_argv && o->pid)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"-p doesn't go with a command that is run: that is the process");
	if (o->follow && !o->pid && !o->command_argv)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--follow needs a process: add -p PID; its children, and theirs, "
				"are then traced with it");
	if (o->hook == HOOK_CGROUP && (o->interfaces[0] || o->netns))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s doesn't go with --hook cgroup, which sees all local sockets at "
				"once; use --hook tc",
				o->interfaces[0] ? "-i" : "--netns");
	if (o->hook == HOOK_TC && !o->interfaces[0] && !o->netns)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--hook tc needs an interface: add -i NAME, or -i any for all");
	if (o->interfaces[0] && o->interfaces[1]) {
		size_t i;

		for (i = 0; o->interfaces[i]; i++)
			if (strcmp(o->interfaces[i], "any") == 0)
				return diag_set(d, EXIT_USAGE, -EINVAL,
						"-i any is every interface: name no other beside "
						"it");
	}
	return 0;
}

int options_check(const struct options *o, struct diag *d)
{
	int err = o->read_file ? check_file_options(o, d) : check_live_options(o, d);

	if (!err)
		err = check_output_options(o, d);
	return err ? err : check_saving_options(o, d);
}

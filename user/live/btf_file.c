// SPDX-License-Identifier: GPL-2.0-only
#include "live/btf_file.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"

#include "fits.skel.h"

int btf_file_check(const char *path, struct diag *d)
{
	libbpf_print_fn_t print;
	struct btf *btf;
	int err = 0;

	if (access(path, R_OK))
		return diag_set(d, EXIT_USAGE, -errno, "--btf: cannot read '%.200s' (%s)", path,
				strerror(errno));
	print = libbpf_set_print(NULL); /* it is told in our own words */
	btf = btf__parse(path, NULL);
	libbpf_set_print(print);
	if (!btf)
		err = diag_set(d, EXIT_USAGE, -errno,
			       "--btf: '%.200s' is no BTF: it takes a copy of " BTF_OF_KERNEL
			       " of another host with this kernel, or what tools/mkbtf makes",
			       path);
	btf__free(btf);
	return err;
}

bool btf_file_fits(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = path);
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct fits_bpf *skel = fits_bpf__open_opts(&open);
	bool fits = true;

	if (!skel)
		return true;
	if (!fits_bpf__load(skel) &&
	    !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.fits), &run))
		fits = run.retval;
	fits_bpf__destroy(skel);
	return fits;
}

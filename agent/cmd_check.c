/* SPDX-License-Identifier: Apache-2.0 */
/* check: what can be captured here, and where a binary would be probed. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/attach/libs.h"
#include "agent/attach/site.h"
#include "agent/attach/tls.h"
#include "agent/capture.h"
#include "agent/cmd.h"
#include "agent/limits.h"
#include "agent/options.h"
#include "agent/util/log.h"

static const char usage[] =
	"Usage: tollspan check [BINARY]...\n"
	"Show what can be captured here; with a BINARY, where it and its libraries would be probed.\n"
	"Exit status is 1 if one can not be captured.\n\n"
	"  -h, --help   show this\n";

/* ---- the host ---- */

static int no_record(void *context, const struct cr_head *record)
{
	return 0;
}

static void line(const char *what, bool works, const char *text)
{
	printf("%-10s %-4s %s\n", what, works ? "yes" : "no", text);
}

static bool check_mode(const char *what, enum capture_mode mode, const char *text)
{
	struct capture *capture;
	char error[512] = "";
	int r = capture_new(&capture, mode, 0, no_record, NULL, error, sizeof(error));

	line(what, r == 0, r == 0 ? text : *error ? error : strerror(-r));
	if (r == 0)
		capture_free(capture);
	return r == 0;
}

/* Kernels below 6.1 are not tried. */
static void check_kernel(void)
{
	unsigned int major = 0, minor = 0;
	char text[512];
	struct utsname name;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return;
	snprintf(text, sizeof(text), "Linux %s%s", name.release,
		 major > 6 || (major == 6 && minor >= 1) ? "" : ": below 6.1, which is not tested");
	line("kernel", major > 6 || (major == 6 && minor >= 1), text);
	line("BTF", access("/sys/kernel/btf/vmlinux", R_OK) == 0, "/sys/kernel/btf/vmlinux");
}

static int check_host(void)
{
	bool ebpf, preload;

	check_kernel();
	ebpf = check_mode("eBPF", CAPTURE_EBPF, "programs load, probes can be placed");
	preload = check_mode("preload", CAPTURE_PRELOAD,
			     "programs that use a shared OpenSSL, without privilege");
	return ebpf || preload ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- a binary ---- */

struct binary {
	size_t sites;
	bool may_load; /* it can load a TLS library later */
	dev_t device;  /* of the file that was shown last: paths repeat it */
	ino_t inode;
};

static void show_site(const struct probe_site *site)
{
	printf("    %-20s at %#-10" PRIx64 " %s\n", site->name, site->offset,
	       site->emulated ? "emulated by the kernel" : "single-stepped: slow");
}

static int on_file(void *context, const char *path)
{
	struct probe_site sites[LIMIT_SITES];
	struct binary *binary = context;
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC), n;

	if (fd < 0)
		return 0;
	if (fstat(fd, &status) == 0 && status.st_dev == binary->device &&
	    status.st_ino == binary->inode) {
		close(fd);
		return 0;
	}
	binary->device = status.st_dev;
	binary->inode = status.st_ino;
	n = site_find(fd, 0, sites);
	close(fd);
	if (n > 0)
		puts(path);
	for (int i = 0; i < n; i++)
		show_site(&sites[i]);
	binary->sites += n > 0 ? (size_t)n : 0;
	/* libc and the loader have it themselves. */
	if (!strstr(path, "/libc.so") && !strstr(path, "/ld-") && tls_may_load(path))
		binary->may_load = true;
	return 0;
}

static int check_binary(const char *path)
{
	struct binary binary = {0};
	const char *inside;

	if (access(path, R_OK) < 0) {
		log_error("%s: %s", path, strerror(errno));
		return EXIT_FAILURE;
	}
	if (libs_of(path, getenv("LD_LIBRARY_PATH"), on_file, &binary) < 0)
		return EXIT_FAILURE;
	if (binary.sites)
		return EXIT_SUCCESS;
	inside = tls_inside(path);
	if (inside) {
		printf("%s\n    can not be captured: %s is inside, without symbols to probe\n",
		       path, inside);
		return EXIT_FAILURE;
	}
	if (binary.may_load) {
		printf("%s\n    no TLS library is linked to it; an OpenSSL that it loads later is "
		       "captured\n",
		       path);
		return EXIT_SUCCESS;
	}
	printf("%s\n    can not be captured: no TLS library was found in it\n", path);
	return EXIT_FAILURE;
}

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	int key, status = EXIT_SUCCESS;

	opterr = 0;
	while ((key = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (key != 'h') {
			options_refuse(argv, key);
			return EXIT_USAGE;
		}
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if (optind == argc)
		return check_host();
	for (int i = optind; i < argc; i++) {
		if (check_binary(argv[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	}
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Probes in files come and go. What is in a private copy of libssl is met by no other process. */
#include <dirent.h>
#include <errno.h>

#include "agent/attach/site.h"
#include "agent/source/ebpf_files.h"
#include "tests/unit/test.h"
#include "tests/unit/source/pair.h"

struct fixture {
	struct ebpf_kernel *kernel;
	struct finder *finder;
	struct probed_files *files;
	char folder[64], library[128];
};

static struct fixture fixture;

static const struct ebpf_opts opts = {.uid = (uid_t)-1, .find_sites = site_find};

static void tear_down(void)
{
	probed_files_free(fixture.files);
	finder_free(fixture.finder);
	ebpf_kernel_free(fixture.kernel);
	unlink(fixture.library);
	if (fixture.folder[0])
		rmdir(fixture.folder);
	memset(&fixture, 0, sizeof(fixture));
}

static void set_up_with(const struct ebpf_opts *finder)
{
	struct ebpf_kernel_opts kernel = {.ring_size = 65536};
	enum kernel_step step;
	int r;

	tear_down();
	if (geteuid())
		SKIP("needs root");
	snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(fixture.folder));
	CHECK_INT(chmod(fixture.folder, 0755), 0);
	CHECK(!pair_copy_library(fixture.folder, fixture.library, sizeof(fixture.library)));
	r = ebpf_kernel_new(&fixture.kernel, &kernel, &step);
	if (r == -EPERM || r == -ENOSYS)
		SKIP("bpf is refused");
	CHECK_INT(r, 0);
	CHECK_INT(finder_new(&fixture.finder, finder), 0);
	CHECK_INT(probed_files_new(&fixture.files, fixture.kernel, fixture.finder), 0);
}

static void set_up(void)
{
	set_up_with(&opts);
}

static int add(const char *path, bool keep)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	CHECK(fd >= 0);
	r = probed_files_add(fixture.files, fd, keep);
	close(fd);
	return r;
}

/* Links and files that are held show as descriptors of ours. */
static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	CHECK(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

TEST(a_file_is_probed_once_whatever_its_paths)
{
	char other[160];
	int n, open_before;

	set_up();
	n = add(fixture.library, false);
	CHECK(n >= 3);
	open_before = descriptors();
	snprintf(other, sizeof(other), "%s/other", fixture.folder);
	CHECK_INT(link(fixture.library, other), 0);
	CHECK_INT(add(other, false), n);
	CHECK_INT(descriptors(), open_before);
	unlink(other);
	tear_down();
}

TEST(a_file_without_a_name_that_nobody_maps_is_let_go)
{
	int none, probed;

	set_up();
	none = descriptors();
	CHECK(add(fixture.library, true) >= 3);
	probed = descriptors();
	CHECK(probed > none);
	probed_files_begin(fixture.files);
	probed_files_prune(fixture.files);
	CHECK_INT(descriptors(), probed); /* it has its name still */
	CHECK_INT(unlink(fixture.library), 0);
	probed_files_begin(fixture.files);
	probed_files_prune(fixture.files);
	CHECK_INT(descriptors(), none);
	tear_down();
}

TEST(what_is_mapped_stays)
{
	int probed, fd;

	set_up();
	fd = open(fixture.library, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(probed_files_add(fixture.files, fd, false) >= 3);
	probed = descriptors();
	CHECK_INT(unlink(fixture.library), 0);
	for (int i = 0; i < 2 * PROBED_FILES_ROUNDS; i++) {
		probed_files_begin(fixture.files);
		CHECK(probed_files_add(fixture.files, fd, false) >= 3);
		probed_files_prune(fixture.files);
	}
	CHECK_INT(descriptors(), probed);
	close(fd);
	tear_down();
}

TEST(what_was_not_mapped_for_long_is_let_go)
{
	int none, probed;

	set_up();
	none = descriptors();
	CHECK(add(fixture.library, false) >= 3);
	probed = descriptors();
	for (int i = 1; i < PROBED_FILES_ROUNDS; i++) {
		probed_files_begin(fixture.files);
		probed_files_prune(fixture.files);
		CHECK_INT(descriptors(), probed);
	}
	probed_files_begin(fixture.files);
	probed_files_prune(fixture.files);
	CHECK_INT(descriptors(), none);
	CHECK(add(fixture.library, false) >= 3); /* and probed again, when it is mapped again */
	CHECK_INT(descriptors(), probed);
	tear_down();
}

/* In the finder: memory is short, twice. */
static int find_at_last(int fd, unsigned int flags, struct probe_site *sites)
{
	static int calls;

	return ++calls < 3 ? -ENOMEM : site_find(fd, flags, sites);
}

static int find_never(int fd, unsigned int flags, struct probe_site *sites)
{
	static int calls;

	return ++calls <= 3 ? -ENOMEM : site_find(fd, flags, sites);
}

TEST(a_file_that_could_not_be_looked_at_is_looked_at_again)
{
	const struct ebpf_opts at_last = {.uid = (uid_t)-1, .find_sites = find_at_last};
	const struct ebpf_opts never = {.uid = (uid_t)-1, .find_sites = find_never};

	set_up_with(&at_last);
	CHECK_INT(add(fixture.library, false), 0);
	CHECK_INT(add(fixture.library, false), 0);
	CHECK(add(fixture.library, false) >= 3);
	tear_down();
	set_up_with(&never);
	for (int i = 0; i < 5; i++)
		CHECK_INT(add(fixture.library, false), 0);
	tear_down();
}

TEST_MAIN()

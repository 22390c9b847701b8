/* SPDX-License-Identifier: Apache-2.0 */
/* Probe sites: of the system's OpenSSL, of libraries made for the purpose, of damaged files. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/attach/elf.h"
#include "agent/attach/site.h"
#include "agent/limits.h"
#include "tests/unit/test.h"

static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(folder));
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static const struct probe_site *site_of(const struct probe_site *sites, int n, int function)
{
	for (int i = 0; i < n; i++)
		if ((int)sites[i].function == function)
			return &sites[i];
	return NULL;
}

/* Where a loaded function lies in its file: both are mapped at an offset of pages. */
static uint64_t file_offset(int fd, const char *symbol)
{
	struct elf_function function = {.name = symbol};
	struct elf_image *image;
	uint64_t offset = 0;

	CHECK_INT(elf_image_open(&image, fd), 0);
	CHECK(elf_image_functions(image, &function, 1) == 1);
	CHECK_INT(elf_image_offset(image, function.address, &offset), 0);
	elf_image_free(image);
	return offset;
}

static int open_libssl(void)
{
	void *handle = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	Dl_info info;
	int fd;

	if (!handle)
		SKIP("no libssl.so.3");
	CHECK(dladdr(dlsym(handle, "SSL_read"), &info));
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	dlclose(handle);
	return fd;
}

TEST(inner_functions_of_the_system_library)
{
	struct probe_site sites[LIMIT_SITES];
	const struct probe_site *inner;
	int fd = open_libssl(), n = site_find(fd, 0, sites);
	uint8_t code[2];

	CHECK(n > 0);
	inner = site_of(sites, n, SITE_SSL_READ_INTERNAL);
	CHECK(inner && inner->emulated);
	CHECK(inner->offset != file_offset(fd, "SSL_read"));
	CHECK(inner->offset != file_offset(fd, "SSL_read_ex"));
	CHECK(pread(fd, code, sizeof(code), (off_t)inner->offset) == sizeof(code));
	/* push of any register */
	CHECK((code[0] & 0xf8) == 0x50 || (code[0] == 0x41 && (code[1] & 0xf8) == 0x50));
	inner = site_of(sites, n, SITE_SSL_WRITE_INTERNAL);
	CHECK(inner && inner->emulated);
	CHECK(inner->offset != file_offset(fd, "SSL_write"));
	CHECK(!site_of(sites, n, SITE_SSL_READ) && !site_of(sites, n, SITE_SSL_WRITE));
	CHECK(site_of(sites, n, SITE_SSL_FREE) && site_of(sites, n, SITE_SSL_NEW));
	close(fd);
}

TEST(exported_functions_on_request)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = open_libssl(), n = site_find(fd, SITE_EXPORTED_ONLY, sites);

	CHECK(site_of(sites, n, SITE_SSL_READ)->offset == file_offset(fd, "SSL_read"));
	CHECK(site_of(sites, n, SITE_SSL_WRITE_EX)->offset == file_offset(fd, "SSL_write_ex"));
	CHECK(!site_of(sites, n, SITE_SSL_READ_INTERNAL));
	close(fd);
}

/* Assemble a shared library. Return: its descriptor. */
static int assemble(const char *text)
{
	char source[128], object[128], command[512];
	FILE *file;
	int fd, status;

	make_folder();
	snprintf(source, sizeof(source), "%s/a.s", folder);
	snprintf(object, sizeof(object), "%s/a.so", folder);
	file = fopen(source, "w");
	CHECK(file);
	fputs(text, file);
	CHECK(!fclose(file));
	snprintf(command, sizeof(command), "cc -shared -nostdlib -Wl,-z,noexecstack -o %s %s 2>&1",
		 object, source);
	status = system(command);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	fd = open(object, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	remove_file("a.s");
	remove_file("a.so");
	rmdir(folder);
	return fd;
}

#define BEGIN(name) ".globl " name "\n.type " name ", @function\n" name ":\n"
#define LOCAL(name) ".type " name ", @function\n" name ":\n"
#define END(name) ".size " name ", .-" name "\nint3\nint3\n"

#define PLAIN(name, inner)                                              \
	BEGIN(name)                                                     \
	"sub $24, %rsp\nmovslq %edx, %rdx\nmov %rsp, %rcx\ncall " inner \
	"\nadd $24, %rsp\nret\n" END(name)
#define EXTENDED(name, inner) \
	BEGIN(name) "sub $8, %rsp\ncall " inner "\nadd $8, %rsp\nret\n" END(name)
#define INNER(name, first)                                            \
	LOCAL(name)                                                   \
	first "\nxor %eax, %eax\nnop\nnop\nnop\nnop\nnop\nnop\nnop\n" \
	      "nop\nnop\nnop\nnop\nnop\nnop\nnop\npop %rbx\nret\n" END(name)

TEST(endbr64_before_the_push)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = assemble(PLAIN("SSL_read", "r") EXTENDED("SSL_read_ex", "r")
				  PLAIN("SSL_write", "w") EXTENDED("SSL_write_ex", "w")
					  INNER("r", "endbr64\npush %rbx") INNER("w", "push %r12"));
	int n = site_find(fd, 0, sites);
	const struct probe_site *site = site_of(sites, n, SITE_SSL_READ_INTERNAL);
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t code[5];

	CHECK_INT(n, 2);
	CHECK(site && site->emulated);
	CHECK(pread(fd, code, sizeof(code), (off_t)site->offset - 4) == sizeof(code));
	CHECK(!memcmp(code, endbr64, 4) && code[4] == 0x53);
	site = site_of(sites, n, SITE_SSL_WRITE_INTERNAL);
	CHECK(site && site->emulated);
	close(fd);
}

TEST(flags_before_the_pointer)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = assemble(PLAIN("SSL_read", "r") EXTENDED("SSL_read_ex", "r") BEGIN(
		"SSL_write") "sub $24, %rsp\nmovslq %edx, %rdx\nxor %ecx, %ecx\nlea 8(%rsp), %r8\n"
			     "call w\nadd $24, %rsp\nret\n" END("SSL_write") BEGIN(
				     "SSL_write_ex2") "sub $8, %rsp\ncall w\nadd $8, %rsp\nret\n" END("SSL_write_ex2")
				     BEGIN("SSL_write_ex") "mov %rcx, %r8\nxor %ecx, %ecx\njmp w\n" END(
					     "SSL_write_ex") INNER("r", "push %rbx")
					     INNER("w", "push %rbx"));
	int n = site_find(fd, 0, sites);

	CHECK_INT(n, 2);
	CHECK(site_of(sites, n, SITE_SSL_WRITE_FLAGS));
	CHECK(site_of(sites, n, SITE_SSL_WRITE_FLAGS)->emulated);
	close(fd);
}

/* What is not quite as expected is probed at its exports. */
static void check_falls_back(const char *read_forms)
{
	struct probe_site sites[LIMIT_SITES];
	char text[8192];
	int fd, n;

	snprintf(text, sizeof(text), "%s%s", read_forms,
		 PLAIN("SSL_write", "w") EXTENDED("SSL_write_ex", "w") INNER("w", "push %rbx")
			 INNER("r", "push %rbx") INNER("s", "push %rbx")
				 INNER("t", "mov %rdi, %rax"));
	fd = assemble(text);
	n = site_find(fd, 0, sites);
	CHECK(!site_of(sites, n, SITE_SSL_READ_INTERNAL));
	CHECK(site_of(sites, n, SITE_SSL_READ));
	CHECK_INT(site_of(sites, n, SITE_SSL_READ)->offset, file_offset(fd, "SSL_read"));
	CHECK(site_of(sites, n, SITE_SSL_WRITE_INTERNAL));
	close(fd);
}

TEST(forms_that_call_different_functions)
{
	check_falls_back(PLAIN("SSL_read", "r") EXTENDED("SSL_read_ex", "s"));
}

TEST(inner_function_that_is_not_emulated)
{
	check_falls_back(PLAIN("SSL_read", "t") EXTENDED("SSL_read_ex", "t"));
}

TEST(arguments_that_are_not_handed_on)
{
	check_falls_back(BEGIN("SSL_read") "sub $24, %rsp\nmov %rsp, %rcx\nmov %rax, %rdi\ncall r\n"
					   "add $24, %rsp\nret\n" END("SSL_read")
						   EXTENDED("SSL_read_ex", "r"));
	check_falls_back(
		PLAIN("SSL_read", "r")
			BEGIN("SSL_read_ex") "sub $8, %rsp\nxor %ecx, %ecx\ncall r\nadd $8, %rsp\nret\n" END(
				"SSL_read_ex"));
}

TEST(two_inner_functions)
{
	check_falls_back(
		BEGIN("SSL_read") "sub $24, %rsp\ntest %rdi, %rdi\nmov %rsp, %rcx\nje 1f\njmp r\n1: ret\n" END(
			"SSL_read") EXTENDED("SSL_read_ex", "s"));
}

TEST(one_form_only)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = assemble(BEGIN(
		"SSL_read") "push %rbx\npop %rbx\nret\nnop\nnop\nnop\nnop\nnop\nnop\n"
			    "nop\nnop\nnop\nnop\nnop\nnop\nnop\n" END("SSL_read")
				    BEGIN("SSL_write") "sub $8, %rsp\nadd $8, %rsp\nret\nnop\nnop\nnop\nnop\nnop\n" END(
					    "SSL_write"));
	int n = site_find(fd, 0, sites);

	CHECK_INT(n, 2);
	CHECK(site_of(sites, n, SITE_SSL_READ)->emulated);
	CHECK(!site_of(sites, n, SITE_SSL_WRITE)->emulated);
	close(fd);
}

TEST(files_without_tls)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(site_find(fd, 0, sites) >= 0);
	close(fd);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	CHECK_INT(site_find(fd, 0, sites), -ENOEXEC);
	close(fd);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	CHECK_INT(site_find(fd, 0, sites), -ENOEXEC);
	close(fd);
	CHECK(site_find(-1, 0, sites) < 0);
}

/* A copy of the library, a part of it changed at random, a hundred times; cut short, too. */
TEST(damaged_files)
{
	struct probe_site sites[LIMIT_SITES];
	int in = open_libssl(), fd;
	unsigned int seed = 1;
	struct stat st;
	uint8_t *bytes;
	char path[128];

	make_folder();
	snprintf(path, sizeof(path), "%s/damaged", folder);
	CHECK(!fstat(in, &st));
	bytes = malloc((size_t)st.st_size);
	CHECK(bytes && pread(in, bytes, (size_t)st.st_size, 0) == st.st_size);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 300; i++) {
		/* Heads, section heads at the end, and the tables between are each hit. */
		size_t from = i % 3 == 0   ? 0
			      : i % 3 == 1 ? (size_t)st.st_size - 2048
					   : (size_t)rand_r(&seed) % ((size_t)st.st_size - 4096);
		size_t span = i % 3 == 2 ? 4096 : i % 3 == 1 ? 2048 : 1024;

		CHECK(pwrite(fd, bytes, (size_t)st.st_size, 0) == st.st_size);
		for (int j = 0; j < 1 + i % 40; j++) {
			uint8_t byte = (uint8_t)rand_r(&seed);

			CHECK(pwrite(fd, &byte, 1, (off_t)(from + (size_t)rand_r(&seed) % span)) ==
			      1);
		}
		if (i % 7 == 0)
			CHECK(!ftruncate(fd, rand_r(&seed) % st.st_size));
		for (int j = 0, n = site_find(fd, 0, sites); j < n; j++)
			CHECK(sites[j].offset < (uint64_t)st.st_size);
		CHECK(!ftruncate(fd, st.st_size));
	}
	close(fd);
	close(in);
	free(bytes);
	unlink(path);
	rmdir(folder);
}

/*
 * A library whose many symbols all have a name within one huge string, that ends nowhere: to look
 * for each name's end must not take the square of it.
 */
TEST(names_without_an_end)
{
	enum { SYMBOLS = 1 << 20, NAMES = 64 << 20 };
	Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			   .e_type = ET_DYN,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_ehsize = sizeof(head),
			   .e_shoff = sizeof(head),
			   .e_shentsize = sizeof(Elf64_Shdr),
			   .e_shnum = 3};
	Elf64_Off at = sizeof(head) + 3 * sizeof(Elf64_Shdr);
	Elf64_Shdr sections[3] = {{0},
				  {.sh_type = SHT_DYNSYM,
				   .sh_offset = at,
				   .sh_size = SYMBOLS * sizeof(Elf64_Sym),
				   .sh_link = 2,
				   .sh_entsize = sizeof(Elf64_Sym)},
				  {.sh_type = SHT_STRTAB,
				   .sh_offset = at + SYMBOLS * sizeof(Elf64_Sym),
				   .sh_size = NAMES}};
	Elf64_Sym *symbols = calloc(SYMBOLS, sizeof(*symbols));
	char *names = malloc(NAMES), path[] = "/tmp/tollspan-test-XXXXXX";
	int fd = mkstemp(path);
	struct probe_site sites[LIMIT_SITES];
	struct timespec before, after;

	CHECK(fd >= 0 && symbols && names);
	unlink(path);
	memset(names, 'x', NAMES);
	memcpy(names + 1, "SSL_", 4);
	for (size_t i = 0; i < SYMBOLS; i++)
		symbols[i] = (Elf64_Sym){.st_name = 1,
					 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
					 .st_shndx = 1,
					 .st_value = 4096};
	CHECK(write(fd, &head, sizeof(head)) == sizeof(head));
	CHECK(write(fd, sections, sizeof(sections)) == sizeof(sections));
	CHECK(write(fd, symbols, SYMBOLS * sizeof(*symbols)) == SYMBOLS * sizeof(*symbols));
	CHECK(write(fd, names, NAMES) == NAMES);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	CHECK(site_find(fd, 0, sites) <= 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	CHECK(after.tv_sec - before.tv_sec < 10);
	close(fd);
	free(names);
	free(symbols);
}

TEST_MAIN()

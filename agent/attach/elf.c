/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"

#define SEGMENTS_MAX 64

struct elf_image {
	Elf *elf;
	int fd;
	uint64_t file_size;
	unsigned int machine;
	size_t n_segments;
	GElf_Phdr segments[SEGMENTS_MAX]; /* PT_LOAD, executable */
};

static int read_segments(struct elf_image *image)
{
	size_t n;

	if (elf_getphdrnum(image->elf, &n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n && image->n_segments < SEGMENTS_MAX; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(image->elf, (int)i, &header))
			return -EBADMSG;
		if (header.p_offset > image->file_size ||
		    header.p_filesz > image->file_size - header.p_offset ||
		    header.p_vaddr > UINT64_MAX - header.p_filesz)
			continue;
		if (header.p_type == PT_LOAD && (header.p_flags & PF_X))
			image->segments[image->n_segments++] = header;
	}
	return 0;
}

int elf_image_open(struct elf_image **ret_image, int fd)
{
	struct elf_image *image;
	GElf_Ehdr header;
	struct stat st;
	int r = -ENOEXEC;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	image->fd = fd;
	image->file_size = (uint64_t)st.st_size;
	elf_version(EV_CURRENT);
	/* Not mapped: a file that shrinks meanwhile must not end the process. */
	image->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF ||
	    gelf_getclass(image->elf) != ELFCLASS64 || !gelf_getehdr(image->elf, &header) ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (header.e_type != ET_EXEC && header.e_type != ET_DYN))
		goto fail;
	image->machine = header.e_machine;
	r = read_segments(image);
	if (r < 0)
		goto fail;
	*ret_image = image;
	return 0;
fail:
	elf_image_free(image);
	return r;
}

unsigned int elf_image_machine(const struct elf_image *image)
{
	return image->machine;
}

/* A symbol table's data, if it is sane. */
static Elf_Data *symbol_table(struct elf_image *image, uint32_t type, GElf_Shdr *header,
			      size_t *ret_n)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(image->elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, header) || header->sh_type != type)
			continue;
		if (header->sh_size > image->file_size || header->sh_size > LIMIT_SYMBOL_TABLE ||
		    header->sh_offset > image->file_size - header->sh_size)
			continue;
		data = elf_getdata(section, NULL);
		if (!data || !data->d_buf)
			continue;
		*ret_n = data->d_size / sizeof(GElf_Sym);
		if (*ret_n > LIMIT_SYMBOLS)
			*ret_n = LIMIT_SYMBOLS;
		return data;
	}
	return NULL;
}

static bool is_function(const GElf_Sym *symbol)
{
	return GELF_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_value;
}

struct names {
	const char *bytes;
	size_t size;
};

/* The string table of that number, if it is sane. */
static bool string_table(struct elf_image *image, uint32_t number, struct names *ret_names)
{
	Elf_Scn *section = elf_getscn(image->elf, number);
	GElf_Shdr header;
	Elf_Data *data;

	if (!section || !gelf_getshdr(section, &header) || header.sh_type != SHT_STRTAB ||
	    header.sh_size > image->file_size || header.sh_size > LIMIT_SYMBOL_TABLE ||
	    header.sh_offset > image->file_size - header.sh_size)
		return false;
	data = elf_getdata(section, NULL);
	if (!data || !data->d_buf)
		return false;
	ret_names->bytes = data->d_buf;
	ret_names->size = data->d_size;
	return true;
}

/* A name of less than max bytes. Not elf_strptr(), which looks through the whole table for each. */
static const char *name_at(const struct names *names, uint64_t offset, size_t max)
{
	size_t left = offset < names->size ? names->size - (size_t)offset : 0;

	if (!left || !memchr(names->bytes + offset, 0, left < max ? left : max))
		return NULL;
	return names->bytes + offset;
}

static size_t find_in_table(struct elf_image *image, uint32_t type, struct elf_function *functions,
			    size_t n)
{
	GElf_Shdr header;
	size_t n_symbols, found = 0;
	Elf_Data *data = symbol_table(image, type, &header, &n_symbols);
	struct names names;

	if (!data || !string_table(image, header.sh_link, &names))
		return 0;
	for (size_t i = 0; i < n_symbols; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || !is_function(&symbol))
			continue;
		name = name_at(&names, symbol.st_name, LIMIT_SYMBOL_NAME);
		if (!name || strncmp(name, functions[0].name, 4))
			continue;
		for (size_t j = 0; j < n; j++) {
			if (functions[j].address || strcmp(name, functions[j].name))
				continue;
			functions[j].address = symbol.st_value;
			functions[j].size = symbol.st_size;
			found++;
		}
	}
	return found;
}

size_t elf_image_functions(struct elf_image *image, struct elf_function *functions, size_t n)
{
	size_t found;

	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		functions[i].address = functions[i].size = 0;
	found = find_in_table(image, SHT_DYNSYM, functions, n);
	if (!functions[0].address)
		found += find_in_table(image, SHT_SYMTAB, functions, n);
	return found;
}

bool elf_image_exports(struct elf_image *image, uint64_t address)
{
	GElf_Shdr header;
	size_t n;
	Elf_Data *data = symbol_table(image, SHT_DYNSYM, &header, &n);

	for (size_t i = 0; data && i < n; i++) {
		GElf_Sym symbol;

		if (gelf_getsym(data, (int)i, &symbol) && is_function(&symbol) &&
		    symbol.st_value == address)
			return true;
	}
	return false;
}

static const GElf_Phdr *segment_of(const struct elf_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const GElf_Phdr *segment = &image->segments[i];

		if (address >= segment->p_vaddr && address - segment->p_vaddr < segment->p_filesz)
			return segment;
	}
	return NULL;
}

size_t elf_image_code(const struct elf_image *image, uint64_t address, uint8_t *code, size_t size)
{
	const GElf_Phdr *segment = segment_of(image, address);
	uint64_t skip, left;
	ssize_t n;

	if (!segment)
		return 0;
	skip = address - segment->p_vaddr;
	left = segment->p_filesz - skip;
	n = pread(image->fd, code, size < left ? size : left, (off_t)(segment->p_offset + skip));
	return n > 0 ? (size_t)n : 0;
}

int elf_image_offset(const struct elf_image *image, uint64_t address, uint64_t *ret_offset)
{
	const GElf_Phdr *segment = segment_of(image, address);

	if (!segment)
		return -ENOENT;
	*ret_offset = segment->p_offset + (address - segment->p_vaddr);
	return 0;
}

int elf_image_needed(struct elf_image *image, int (*fn)(void *context, int tag, const char *text),
		     void *context)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(image->elf, section))) {
		struct names names;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC ||
		    header.sh_size > LIMIT_PROC_FILE)
			continue;
		data = elf_getdata(section, NULL);
		if (!data || !data->d_buf || !string_table(image, header.sh_link, &names))
			return -EBADMSG;
		for (size_t i = 0; i < data->d_size / sizeof(GElf_Dyn); i++) {
			const char *text;
			GElf_Dyn entry;
			int r;

			if (!gelf_getdyn(data, (int)i, &entry) || entry.d_tag == DT_NULL)
				break;
			if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RPATH &&
			    entry.d_tag != DT_RUNPATH)
				continue;
			text = name_at(&names, entry.d_un.d_val, LIMIT_PATH);
			r = text ? fn(context, (int)entry.d_tag, text) : -EBADMSG;
			if (r)
				return r;
		}
		return 0;
	}
	return 0;
}

void elf_image_free(struct elf_image *image)
{
	if (!image)
		return;
	elf_end(image->elf);
	free(image);
}

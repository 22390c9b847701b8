/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/elf.h"

#include "preload/sys.h"

#define VERSION_HIDDEN 0x8000

void image_of(uintptr_t base, const ElfW(Phdr) * phdr, unsigned int n, struct image *ret_image)
{
	struct image image = {.base = base, .low = UINTPTR_MAX};

	for (unsigned int i = 0; i < n; i++) {
		uintptr_t start = base + phdr[i].p_vaddr, end = start + phdr[i].p_memsz;

		if (phdr[i].p_type == PT_DYNAMIC)
			image.dynamic = (const ElfW(Dyn) *)start;
		if (phdr[i].p_type != PT_LOAD)
			continue;
		image.low = start < image.low ? start : image.low;
		image.high = end > image.high ? end : image.high;
	}
	*ret_image = image;
}

static uintptr_t dynamic_value(const struct image *image, ElfW(Sxword) tag)
{
	const ElfW(Dyn) *d = image->dynamic;

	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == tag)
			return d->d_un.d_val;
	}
	return 0;
}

uintptr_t image_dynamic(const struct image *image, ElfW(Sxword) tag)
{
	uintptr_t value = dynamic_value(image, tag);

	/* glibc writes addresses back into the section, musl and the vDSO leave offsets */
	return value && value < image->base ? image->base + value : value;
}

struct lookup {
	const struct image *image;
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Half) * versions;
	const char *name;
	uintptr_t hidden; /* a definition of another version than the default */
};

/* Address if this symbol is the wanted function in its default version, else 0. */
static uintptr_t match(struct lookup *l, uint32_t index)
{
	const ElfW(Sym) *symbol = &l->symbols[index];
	unsigned int type = symbol->st_info & 0xf;

	if (symbol->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE) ||
	    !text_equal(l->strings + symbol->st_name, l->name))
		return 0;
	if (l->versions && l->versions[index] & VERSION_HIDDEN) {
		l->hidden = l->image->base + symbol->st_value;
		return 0;
	}
	return l->image->base + symbol->st_value;
}

static uintptr_t find_gnu(struct lookup *l, const uint32_t *table)
{
	uint32_t n_buckets = table[0], first = table[1], n_words = table[2], hash = 5381;
	const uint32_t *buckets = table + 4 + n_words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = buckets + n_buckets;

	for (const char *c = l->name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!n_buckets)
		return 0;
	for (uint32_t i = buckets[hash % n_buckets]; i >= first && i; i++) {
		uintptr_t address = (chain[i - first] | 1) == (hash | 1) ? match(l, i) : 0;

		if (address)
			return address;
		if (chain[i - first] & 1)
			break;
	}
	return 0;
}

static uintptr_t find_sysv(struct lookup *l, const uint32_t *table)
{
	uint32_t n_buckets = table[0], hash = 0;
	const uint32_t *buckets = table + 2, *chain = buckets + n_buckets;

	for (const char *c = l->name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash ^= hash >> 24 & 0xf0;
	}
	hash &= 0xfffffff;
	if (!n_buckets)
		return 0;
	for (uint32_t i = buckets[hash % n_buckets]; i; i = chain[i]) {
		uintptr_t address = match(l, i);

		if (address)
			return address;
	}
	return 0;
}

uintptr_t image_symbol(const struct image *image, const char *name)
{
	const uint32_t *gnu = (const uint32_t *)image_dynamic(image, DT_GNU_HASH);
	const uint32_t *sysv = (const uint32_t *)image_dynamic(image, DT_HASH);
	struct lookup l = {
		.image = image,
		.symbols = (const ElfW(Sym) *)image_dynamic(image, DT_SYMTAB),
		.strings = (const char *)image_dynamic(image, DT_STRTAB),
		.versions = (const ElfW(Half) *)image_dynamic(image, DT_VERSYM),
		.name = name,
	};
	uintptr_t address = 0;

	if (!l.symbols || !l.strings)
		return 0;
	if (gnu)
		address = find_gnu(&l, gnu);
	else if (sysv)
		address = find_sysv(&l, sysv);
	return address ? address : l.hidden;
}

const char *image_needed(const struct image *image, unsigned int n)
{
	const char *strings = (const char *)image_dynamic(image, DT_STRTAB);

	for (const ElfW(Dyn) *d = image->dynamic; d && strings && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_NEEDED && n-- == 0)
			return strings + d->d_un.d_val;
	}
	return NULL;
}

const char *image_soname(const struct image *image)
{
	const char *strings = (const char *)image_dynamic(image, DT_STRTAB);
	uintptr_t offset = dynamic_value(image, DT_SONAME);

	return strings && offset ? strings + offset : NULL;
}

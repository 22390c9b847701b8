/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols of an ELF object that is mapped: what dlsym() does, for libraries it can not reach. */
#ifndef PRELOAD_ELF_H
#define PRELOAD_ELF_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct image {
	uintptr_t base;            /* load bias */
	uintptr_t low, high;       /* first byte, and behind the last, of its segments */
	const ElfW(Dyn) * dynamic; /* NULL: none */
};

/** image_of - find an object's extent and dynamic section by its program headers. */
void image_of(uintptr_t base, const ElfW(Phdr) * phdr, unsigned int n, struct image *ret_image);

/*
 * image_symbol - address of a function that the image defines, its default version if it has
 *several (gABI hash table, or the GNU one). Return: 0 if it defines none.
 */
uintptr_t image_symbol(const struct image *image, const char *name);

/** image_dynamic - a value of the dynamic section, relocated if it is an address; 0: absent. */
uintptr_t image_dynamic(const struct image *image, ElfW(Sxword) tag);

/** image_needed - name of the n-th library that it needs, from 0, or NULL. */
const char *image_needed(const struct image *image, unsigned int n);

/** image_soname - its own name, or NULL. */
const char *image_soname(const struct image *image);

#endif

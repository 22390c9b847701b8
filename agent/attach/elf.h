/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file (System V ABI, gABI) as the finders need it: symbols, code, and where both lie in the
 * file. Nothing of the file is trusted; it may be damaged or change meanwhile.
 */
#ifndef AGENT_ATTACH_ELF_H
#define AGENT_ATTACH_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image;

/*
 * elf_image_open - look at a 64-bit little-endian executable or shared object.
 * @fd: readable; stays the caller's and open until elf_image_free().
 * Return: 0; -ENOEXEC if it is no such file; -EBADMSG if it is damaged; -ENOMEM.
 */
int elf_image_open(struct elf_image **ret_image, int fd);

/** elf_image_machine - e_machine, such as EM_X86_64. */
unsigned int elf_image_machine(const struct elf_image *image);

struct elf_function {
	const char *name; /* that was asked for */
	uint64_t address; /* 0: there is none */
	uint64_t size;    /* 0: unknown */
};

/*
 * elf_image_functions - find defined functions by name, in the dynamic symbols, and if the first of
 *	@functions is not among those, in all symbols.
 * Return: how many were found.
 */
size_t elf_image_functions(struct elf_image *image, struct elf_function *functions, size_t n);

/** elf_image_exports - does a dynamic symbol name this address? */
bool elf_image_exports(struct elf_image *image, uint64_t address);

/*
 * elf_image_code - bytes at an address of an executable segment.
 * Return: how many there are, up to size; 0 if the address lies in none.
 */
size_t elf_image_code(const struct elf_image *image, uint64_t address, uint8_t *code, size_t size);

/** elf_image_offset - where in the file executable code at an address lies. 0 or -ENOENT. */
int elf_image_offset(const struct elf_image *image, uint64_t address, uint64_t *ret_offset);

/*
 * elf_image_needed - call back with each DT_NEEDED (tag 1), DT_RPATH (15) and DT_RUNPATH (29).
 * Return: 0, -EBADMSG, or the callback's non-zero.
 */
int elf_image_needed(struct elf_image *image, int (*fn)(void *context, int tag, const char *text),
		     void *context);

void elf_image_free(struct elf_image *image);

#endif

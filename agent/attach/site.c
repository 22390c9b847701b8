/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/site.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <Zydis.h>

#include "agent/attach/elf.h"
#include "agent/limits.h"

#define TARGETS_MAX 32
#define ENDBR64_SIZE 4

enum { READ, READ_EX, WRITE, WRITE_EX, WRITE_EX2, FREE, UP_REF, NEW, FUNCTIONS };

static const struct {
	const char *name;
	enum site_function function;
} exports[FUNCTIONS] = {
	[READ] = {"SSL_read", SITE_SSL_READ},
	[READ_EX] = {"SSL_read_ex", SITE_SSL_READ_EX},
	[WRITE] = {"SSL_write", SITE_SSL_WRITE},
	[WRITE_EX] = {"SSL_write_ex", SITE_SSL_WRITE_EX},
	[WRITE_EX2] = {"SSL_write_ex2", SITE_SSL_WRITE_FLAGS},
	[FREE] = {"SSL_free", SITE_SSL_FREE},
	[UP_REF] = {"SSL_up_ref", SITE_SSL_UP_REF},
	[NEW] = {"SSL_new", SITE_SSL_NEW},
};

/* What a register of the calling convention holds where a call is made. */
enum holds {
	HOLDS_ARGUMENT, /* its own argument, untouched */
	HOLDS_OTHER,
	HOLDS_ZERO,
	HOLDS_STACK,  /* an address of a local variable */
	HOLDS_FOURTH, /* the fourth argument of the function that calls */
};

enum { RDI, RSI, RDX, RCX, R8, REGISTERS };

struct target {
	uint64_t address;
	enum holds registers[REGISTERS];
};

struct scan {
	enum holds registers[REGISTERS];
	struct target targets[TARGETS_MAX];
	size_t n_targets;
};

static int register_index(ZydisRegister reg)
{
	switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg)) {
	case ZYDIS_REGISTER_RDI:
		return RDI;
	case ZYDIS_REGISTER_RSI:
		return RSI;
	case ZYDIS_REGISTER_RDX:
		return RDX;
	case ZYDIS_REGISTER_RCX:
		return RCX;
	case ZYDIS_REGISTER_R8:
		return R8;
	default:
		return -1;
	}
}

static bool is_frame(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_RSP || reg == ZYDIS_REGISTER_RBP;
}

/* What an instruction leaves in the register that is its first operand. */
static enum holds result_of(const struct scan *scan, const ZydisDecodedInstruction *instruction,
			    const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *to = &operands[0], *from = &operands[1];

	if (to->type != ZYDIS_OPERAND_TYPE_REGISTER || instruction->operand_count_visible < 2)
		return HOLDS_OTHER;
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_XOR:
		return from->type == ZYDIS_OPERAND_TYPE_REGISTER && from->reg.value == to->reg.value
			       ? HOLDS_ZERO
			       : HOLDS_OTHER;
	case ZYDIS_MNEMONIC_LEA:
		return is_frame(from->mem.base) && from->mem.index == ZYDIS_REGISTER_NONE
			       ? HOLDS_STACK
			       : HOLDS_OTHER;
	case ZYDIS_MNEMONIC_MOV:
		if (from->type != ZYDIS_OPERAND_TYPE_REGISTER)
			return HOLDS_OTHER;
		if (from->reg.value == ZYDIS_REGISTER_RSP)
			return HOLDS_STACK;
		return from->reg.value == ZYDIS_REGISTER_RCX &&
				       scan->registers[RCX] == HOLDS_ARGUMENT
			       ? HOLDS_FOURTH
			       : HOLDS_OTHER;
	case ZYDIS_MNEMONIC_MOVSXD:
		/* int to size_t of the same argument */
		return from->type == ZYDIS_OPERAND_TYPE_REGISTER &&
				       to->reg.value == ZYDIS_REGISTER_RDX &&
				       from->reg.value == ZYDIS_REGISTER_EDX
			       ? scan->registers[RDX]
			       : HOLDS_OTHER;
	default:
		return HOLDS_OTHER;
	}
}

static void note_writes(struct scan *scan, const ZydisDecodedInstruction *instruction,
			const ZydisDecodedOperand *operands)
{
	enum holds result = result_of(scan, instruction, operands);

	for (size_t i = 0; i < instruction->operand_count; i++) {
		int index;

		if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		index = register_index(operands[i].reg.value);
		if (index >= 0)
			scan->registers[index] = i == 0 ? result : HOLDS_OTHER;
	}
}

static void forget(struct scan *scan)
{
	for (size_t i = 0; i < REGISTERS; i++)
		scan->registers[i] = HOLDS_OTHER;
}

/* One instruction at an address, and where it goes. */
static void note_instruction(struct scan *scan, const ZydisDecodedInstruction *instruction,
			     const ZydisDecodedOperand *operands, uint64_t address, uint64_t start,
			     uint64_t size)
{
	bool call = instruction->meta.category == ZYDIS_CATEGORY_CALL;
	bool jump = instruction->meta.category == ZYDIS_CATEGORY_UNCOND_BR;
	uint64_t target;

	if ((call || jump) && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(instruction, &operands[0], address, &target)) &&
	    (target < start || target - start >= size) && scan->n_targets < TARGETS_MAX) {
		struct target *to = &scan->targets[scan->n_targets++];

		to->address = target;
		memcpy(to->registers, scan->registers, sizeof(to->registers));
	}
	if (call || jump || instruction->meta.category == ZYDIS_CATEGORY_RET)
		forget(scan);
	else
		note_writes(scan, instruction, operands);
}

static void scan_function(const struct elf_image *image, const ZydisDecoder *decoder,
			  const struct elf_function *function, struct scan *scan)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	uint8_t code[LIMIT_FUNCTION];
	size_t size, at = 0;

	memset(scan, 0, sizeof(*scan));
	/* Without a size its end can not be told, and what follows is another function. */
	if (!function->address || !function->size || function->size > sizeof(code))
		return;
	size = elf_image_code(image, function->address, code, function->size);
	while (at < size) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(decoder, code + at, size - at, &instruction,
						       operands))) {
			scan->n_targets = 0;
			return;
		}
		note_instruction(scan, &instruction, operands, function->address + at,
				 function->address, size);
		at += instruction.length;
	}
}

/* Can the kernel emulate what lies here, at most behind an endbr64? Gives the bytes to skip. */
static bool emulated(const struct elf_image *image, uint64_t address, size_t *ret_skip)
{
	static const uint8_t endbr64[ENDBR64_SIZE] = {0xf3, 0x0f, 0x1e, 0xfa};
	static const uint8_t nop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	uint8_t code[16];
	size_t n = elf_image_code(image, address, code, sizeof(code)), skip = 0;
	const uint8_t *at = code;

	if (n < sizeof(code))
		return false;
	if (!memcmp(at, endbr64, sizeof(endbr64)))
		skip = sizeof(endbr64);
	at += skip;
	if ((*at >= 0x50 && *at <= 0x57) || *at == 0x90 || !memcmp(at, nop5, sizeof(nop5)) ||
	    (*at == 0x41 && at[1] >= 0x50 && at[1] <= 0x57)) {
		*ret_skip = skip;
		return true;
	}
	return false;
}

/* Are the first three arguments handed on as they came? */
static bool hands_on(const struct target *target)
{
	return target->registers[RDI] == HOLDS_ARGUMENT &&
	       target->registers[RSI] == HOLDS_ARGUMENT && target->registers[RDX] == HOLDS_ARGUMENT;
}

/* From the plain form: int f(SSL *, void *, size_t, size_t *), or with flags before the pointer. */
static enum site_function plain_calls(const struct target *target, enum site_function function)
{
	if (!hands_on(target))
		return 0;
	if (target->registers[RCX] == HOLDS_STACK)
		return function;
	if (target->registers[RCX] == HOLDS_ZERO && target->registers[R8] == HOLDS_STACK &&
	    function == SITE_SSL_WRITE_INTERNAL)
		return SITE_SSL_WRITE_FLAGS;
	return 0;
}

static bool extended_calls(const struct target *target, enum site_function form)
{
	if (!hands_on(target))
		return false;
	if (form != SITE_SSL_WRITE_FLAGS)
		return target->registers[RCX] == HOLDS_ARGUMENT;
	return (target->registers[RCX] == HOLDS_ZERO && target->registers[R8] == HOLDS_FOURTH) ||
	       (target->registers[RCX] == HOLDS_ARGUMENT &&
		target->registers[R8] == HOLDS_ARGUMENT);
}

struct search {
	struct elf_image *image;
	ZydisDecoder decoder;
	struct elf_function functions[FUNCTIONS];
	struct probe_site *sites;
	int n;
};

static void add_site(struct search *search, enum site_function function, uint64_t address,
		     const char *name)
{
	struct probe_site *site;
	size_t skip = 0;
	bool cheap = elf_image_machine(search->image) == EM_X86_64 &&
		     emulated(search->image, address, &skip);
	uint64_t offset;

	if (search->n >= LIMIT_SITES || elf_image_offset(search->image, address, &offset) < 0)
		return;
	site = &search->sites[search->n++];
	memset(site, 0, sizeof(*site));
	site->function = function;
	site->offset = offset + skip;
	site->emulated = cheap;
	snprintf(site->name, sizeof(site->name), "%s", name);
}

/*
 * The one function that the plain and the extended form both call, in the expected way.
 * Return: its address, or 0.
 */
static uint64_t inner_function(struct search *search, int plain, int extended,
			       enum site_function function, enum site_function *ret_form)
{
	struct scan from_plain, from_extended;
	uint64_t found = 0;
	size_t skip;

	scan_function(search->image, &search->decoder, &search->functions[plain], &from_plain);
	scan_function(search->image, &search->decoder, &search->functions[extended],
		      &from_extended);
	for (size_t i = 0; i < from_plain.n_targets; i++) {
		const struct target *target = &from_plain.targets[i];
		enum site_function form = plain_calls(target, function);

		for (size_t j = 0; form && j < from_extended.n_targets; j++) {
			const struct target *other = &from_extended.targets[j];

			if (other->address != target->address || !extended_calls(other, form))
				continue;
			if (found && found != target->address)
				return 0;
			found = target->address;
			*ret_form = form;
		}
	}
	if (!found || !emulated(search->image, found, &skip) ||
	    elf_image_exports(search->image, found))
		return 0;
	return found;
}

static void add_direction(struct search *search, int plain, int extended,
			  enum site_function function, const char *name, bool exported_only)
{
	const struct elf_function *functions = search->functions;
	/* OpenSSL 3.3 put another exported form between the extended one and the inner one. */
	int through = extended == WRITE_EX && functions[WRITE_EX2].address ? WRITE_EX2 : extended;
	enum site_function form = function;
	uint64_t inner = 0;

	if (!exported_only && elf_image_machine(search->image) == EM_X86_64)
		inner = inner_function(search, plain, through, function, &form);
	if (inner) {
		add_site(search, form, inner, name);
		return;
	}
	for (int i = plain; i <= through; i++)
		if (functions[i].address)
			add_site(search, exports[i].function, functions[i].address,
				 exports[i].name);
}

int site_find(int fd, unsigned int flags, struct probe_site *ret_sites)
{
	struct search search = {.sites = ret_sites};
	int r = elf_image_open(&search.image, fd);

	if (r < 0)
		return r;
	for (int i = 0; i < FUNCTIONS; i++)
		search.functions[i].name = exports[i].name;
#if defined(__x86_64__)
	if (elf_image_machine(search.image) != EM_X86_64)
		r = -ENOEXEC;
#elif defined(__aarch64__)
	if (elf_image_machine(search.image) != EM_AARCH64)
		r = -ENOEXEC;
#endif
	if (r < 0 || !elf_image_functions(search.image, search.functions, FUNCTIONS))
		goto out;
	ZydisDecoderInit(&search.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (search.functions[READ].address && search.functions[WRITE].address) {
		bool exported = flags & SITE_EXPORTED_ONLY;

		add_direction(&search, READ, READ_EX, SITE_SSL_READ_INTERNAL, "ssl_read_internal",
			      exported);
		add_direction(&search, WRITE, WRITE_EX, SITE_SSL_WRITE_INTERNAL,
			      "ssl_write_internal", exported);
		for (int i = FREE; i <= NEW; i++)
			if (search.functions[i].address)
				add_site(&search, exports[i].function, search.functions[i].address,
					 exports[i].name);
	}
	r = search.n;
out:
	elf_image_free(search.image);
	return r;
}

# SPDX-License-Identifier: Apache-2.0
# The shim: no C library, no imported version, so that it loads into any glibc or musl program.

PRELOAD_SRC := $(wildcard preload/*.c)
PRELOAD_OBJ = $(PRELOAD_SRC:%.c=$(B)/%.o)
PRELOAD_CFLAGS = -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -I. -O2 -g $(filter-out -fsanitize=%,$(CFLAGS)) \
	-fPIC -ffreestanding -fno-strict-aliasing -fvisibility=hidden -fno-stack-protector \
	-fno-exceptions -fno-asynchronous-unwind-tables -U_FORTIFY_SOURCE

$(B)/preload/%.o: preload/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(PRELOAD_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libtollspan-preload.so: $(PRELOAD_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -nostdlib -fPIC -Wl,-soname,libtollspan-preload.so -Wl,-z,now \
		-Wl,-z,relro -Wl,-z,noexecstack -Wl,--hash-style=both -Wl,--build-id -o $@ $^

# ---- programs that the shim's tests run ----

PRELOAD_PROGRAMS = $(B)/tests/programs/preload_dump

preload-tests-programs: $(B)/libtollspan-preload.so $(PRELOAD_PROGRAMS)

$(B)/tests/programs/preload_dump: tests/programs/preload_dump.c $(LIB)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIB) $(ALL_LDFLAGS) $(LIBS)

.PHONY: preload-tests-programs

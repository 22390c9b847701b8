# SPDX-License-Identifier: Apache-2.0
# The shim: no C library, no imported version, so that it loads into any glibc or musl program.

PRELOAD_SRC := $(wildcard preload/*.c)
PRELOAD_OBJ = $(PRELOAD_SRC:%.c=$(B)/%.o)
PRELOAD_CFLAGS = -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -I. -O2 -g $(filter-out -fsanitize=%,$(CFLAGS)) \
	-fPIC -ffreestanding -fno-strict-aliasing -fvisibility=hidden -fno-stack-protector \
	-fno-exceptions -fasynchronous-unwind-tables -U_FORTIFY_SOURCE

$(B)/preload/%.o: preload/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(PRELOAD_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libtollspan-preload.so: $(PRELOAD_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -nostdlib -fPIC -Wl,-soname,libtollspan-preload.so -Wl,-z,now \
		-Wl,-z,relro -Wl,-z,noexecstack -Wl,--hash-style=both -Wl,--build-id -o $@ $^

# ---- programs that the shim's tests run: never sanitized, as a sanitizer brings its own preload ----

TEST_PROGRAMS = $(B)/tests/programs
PRELOAD_PROGRAMS = $(addprefix $(TEST_PROGRAMS)/,preload_dump preload_work preload_host preload_bare \
	preload_signal preload_linked preload_connect \
	libchain.so libfake_a.so libfake_b.so libfake_opaque_a.so libfake_opaque_b.so libfake_no_ex.so \
	libuser_a.so libuser_b.so libuser_opaque_a.so libuser_opaque_b.so libuser_no_ex.so) \
	$(if $(shell command -v musl-gcc),$(addprefix $(TEST_PROGRAMS)/musl/,preload_host preload_connect))
PROGRAM_CC = mkdir -p $(@D) && $(CC) -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -I. -O2 -g -o $@

preload-tests-programs: $(B)/libtollspan-preload.so $(PRELOAD_PROGRAMS)

$(TEST_PROGRAMS)/preload_dump: tests/programs/preload_dump.c $(LIB)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIB) $(ALL_LDFLAGS) $(LIBS)

$(TEST_PROGRAMS)/preload_work: tests/programs/preload_work.c
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $< -lssl -lcrypto -lpthread

$(TEST_PROGRAMS)/preload_signal: tests/programs/preload_signal.c $(TEST_PROGRAMS)/libfake_a.so
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $< -L$(TEST_PROGRAMS) -lfake_a -Wl,-rpath,'$$ORIGIN'

# Has the shim as a library of its own, so that it is loaded where LD_PRELOAD is not heeded.
$(TEST_PROGRAMS)/preload_linked: tests/programs/preload_bare.c $(B)/libtollspan-preload.so
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $< -Wl,--no-as-needed $(B)/libtollspan-preload.so -ldl \
		-Wl,-rpath,$(abspath $(B))

$(TEST_PROGRAMS)/preload_%: tests/programs/preload_%.c
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $< -ldl

$(TEST_PROGRAMS)/libchain.so: tests/programs/preload_chain.c
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) -shared -fPIC $< -ldl

fake_flags = -DNAME='"$1"' $(if $(findstring opaque,$1),-DOPAQUE) $(if $(findstring no_ex,$1),-DNO_EX)

$(TEST_PROGRAMS)/libfake_%.so: tests/programs/preload_fake.c
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $(call fake_flags,$*) -Wno-missing-prototypes -shared -fPIC \
		-Wl,-soname,$(@F) $<

$(TEST_PROGRAMS)/libuser_%.so: tests/programs/preload_user.c $(TEST_PROGRAMS)/libfake_%.so
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) -shared -fPIC $< -L$(TEST_PROGRAMS) -lfake_$* -Wl,-rpath,'$$ORIGIN' \
		-Wl,--no-as-needed

# A musl program with the same parts.
$(TEST_PROGRAMS)/musl/preload_host: tests/programs/preload_host.c tests/programs/preload_fake.c \
		tests/programs/preload_user.c
	$(call say,MUSL,$@)
	$(Q)mkdir -p $(@D) && musl-gcc -O2 -shared -fPIC -DNAME='"musl"' -Wl,-soname,libfake.so \
		-o $(@D)/libfake.so tests/programs/preload_fake.c
	$(Q)musl-gcc -O2 -shared -fPIC -o $(@D)/libuser.so tests/programs/preload_user.c \
		-L$(@D) -lfake -Wl,-rpath,'$$ORIGIN'
	$(Q)musl-gcc -O2 -D_GNU_SOURCE -o $@ tests/programs/preload_host.c

$(TEST_PROGRAMS)/musl/preload_connect: tests/programs/preload_connect.c
	$(call say,MUSL,$@)
	$(Q)mkdir -p $(@D) && musl-gcc -O2 -D_GNU_SOURCE -o $@ $<

$(filter $(B)/tests/unit/preload/% $(B)/tests/unit/source/test_preload%,$(UNIT)): \
	| preload-tests-programs

.PHONY: preload-tests-programs

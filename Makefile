# SPDX-License-Identifier: Apache-2.0
#
#	make		build/tollspan and build/libtollspan-preload.so
#	make deps	install what building and testing need (root or sudo)
#	make demo	real clients against a local provider, priced
#	make demo-agent	the agent (root) and an OpenTelemetry Collector
#	make libpricing	the prices alone, as a library for other programs
#	make test	every test
#	make ratecard	pricing/card.json anew, from two packages of prices
#	make check	format, lint, stage dependencies, sanitizers
#	make install	DESTDIR, PREFIX

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
DESTDIR ?=
B ?= build
LLHTTP ?= /usr/share/llhttp

VERSION := 0.1.0
PACKAGES := libbpf libcjson libzstd zlib libbrotlidec sqlite3 libcrypto libelf libseccomp libcap libcurl

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wpointer-arith -Wno-unused-parameter
ALL_CFLAGS = -std=gnu17 $(WARNINGS) -fno-strict-aliasing -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	-DPRICING_TABLE='"$(B)/pricing/card.table"' \
	-I. -isystem $(B) -isystem /usr/share/include/llhttp -isystem /usr/include/Zydis \
	$(PACKAGE_CFLAGS) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS = -Wl,--as-needed $(SANITIZE) $(LDFLAGS)
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lZydis -pthread

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')

SRC := $(filter-out agent/main.c,$(wildcard agent/*.c agent/*/*.c)) \
	$(wildcard exporter/*.c) $(filter-out pricing/compile.c,$(wildcard pricing/*.c))
OBJ = $(SRC:%.c=$(B)/%.o)
LLHTTP_OBJ = $(B)/llhttp/api.o $(B)/llhttp/http.o $(B)/llhttp/llhttp.o
LIB = $(B)/libagent.a
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_SKEL = $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.skel.h)
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT = $(UNIT_SRC:%.c=$(B)/%)

all: $(B)/tollspan $(B)/libtollspan-preload.so
	@:

$(B)/tollspan: $(B)/agent/main.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(OBJ) $(LLHTTP_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/llhttp/%.o: $(LLHTTP)/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) -w -isystem /usr/share/include/llhttp $(SANITIZE) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.c | $(BPF_SKEL)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What the compiler does not tell: bytes that are included, and system headers.
$(B)/agent/source/ebpf_kernel.o: $(BPF_SKEL)
$(B)/pricing/builtin.o: $(B)/pricing/card.table

# The built-in card as a table; a card with an error ends the build.
$(B)/pricing/compile: $(filter-out $(B)/pricing/builtin.o,$(filter $(B)/pricing/%,$(OBJ))) \
		$(B)/pricing/compile.o
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/pricing/card.table: $(B)/pricing/compile pricing/card.json
	$(call say,CARD,$@)
	$(Q)$(B)/pricing/compile pricing/card.json $@.tmp && mv $@.tmp $@

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) -std=gnu17 -O2 -g -Wall -Werror -target bpf -mcpu=v3 \
		-D__TARGET_ARCH_x86 -I. -MMD -MP -c -o $@ $<

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q){ echo '// NOLINTBEGIN' && $(BPFTOOL) gen skeleton $< name $*_bpf && \
		echo '// NOLINTEND'; } > $@.tmp && mv $@.tmp $@

include $(wildcard preload/build.mk pricing/build.mk)

# ---- tests ----

unit: $(UNIT)

$(B)/tests/unit/%: tests/unit/%.c $(LIB)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIB) $(ALL_LDFLAGS) $(LIBS)

include $(wildcard tests/build.mk tests/*/build.mk)

# ---- checks ----

C_FILES = $(shell git ls-files '*.c' '*.h')
ASAN = $(B)/asan
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined

TIDY_CFLAGS = $(filter-out -Werror -DVERSION=% -DPRICING_TABLE=%,$(ALL_CFLAGS)) \
	-DVERSION=\"$(VERSION)\" -DPRICING_TABLE=\"$(B)/pricing/card.table\"

check: check-format check-tidy check-deps check-sanitizers

check-format:
	clang-format --dry-run --Werror $(C_FILES)

# One linter a core; its own errors are the output.
check-tidy: $(BPF_SKEL)
	printf '%s\n' $(SRC) agent/main.c pricing/compile.c | xargs -P $$(nproc) -n 8 \
		sh -c 'clang-tidy --quiet "$$@" -- $(TIDY_CFLAGS) 2>/dev/null' sh

check-deps: all unit
	python3 tests/check_deps.py $(B)

# The program once more, with sanitizers.
sanitized:
	$(Q)$(MAKE) --no-print-directory B=$(ASAN) SANITIZE='$(SANITIZERS)' $(ASAN)/tollspan

check-sanitizers:
	$(Q)$(MAKE) --no-print-directory B=$(ASAN) SANITIZE='$(SANITIZERS)' all unit
	python3 tests/run.py --build $(ASAN) --sanitized

install: all install-libpricing
	install -D -m 755 $(B)/tollspan $(DESTDIR)$(PREFIX)/bin/tollspan
	install -D -m 755 $(B)/libtollspan-preload.so \
		$(DESTDIR)$(PREFIX)/lib/tollspan/libtollspan-preload.so
	install -D -m 644 docs/tollspan.1 $(DESTDIR)$(PREFIX)/share/man/man1/tollspan.1

clean:
	rm -rf $(B)

.PHONY: all unit check check-format check-tidy check-deps check-sanitizers sanitized install clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

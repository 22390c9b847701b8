# SPDX-License-Identifier: Apache-2.0
# $(B)/fuzz/NAME from tests/fuzz/fuzz_NAME.c, by libFuzzer; its objects are its own.

FUZZ_FLAGS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ = $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(B)/fuzz/%)
FUZZ_SECONDS ?= 60

# Make fuzz builds them all; make fuzz-run runs each for FUZZ_SECONDS.
fuzz: $(FUZZ)

$(B)/fuzz/lib/libagent.a: FORCE
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) B=$(B)/fuzz/lib SANITIZE="$(FUZZ_FLAGS)" \
		CFLAGS="-O1 -g" $@

$(B)/fuzz/%: tests/fuzz/fuzz_%.c $(B)/fuzz/lib/libagent.a
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(ALL_CFLAGS) -O1 $(FUZZ_FLAGS) -fsanitize=fuzzer \
		-MMD -MP -o $@ $< $(B)/fuzz/lib/libagent.a $(LIBS)

fuzz-run: $(FUZZ)
	$(Q)for f in $(FUZZ); do \
		mkdir -p $$f.corpus && \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
			-print_final_stats=1 $$f.corpus || exit 1; \
	done

FORCE:
.PHONY: fuzz fuzz-run FORCE

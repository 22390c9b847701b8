# SPDX-License-Identifier: Apache-2.0
# $(B)/fuzz/NAME from tests/fuzz/fuzz_NAME.c, by libFuzzer; its objects are its own.

FUZZ_FLAGS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ = $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(B)/fuzz/%)
FUZZ_SECONDS ?= 60

# Make fuzz builds them all; make fuzz-run runs each for FUZZ_SECONDS, make fuzz-check a few times,
# always with the same inputs.
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

fuzz-check: $(FUZZ)
	$(Q)for f in $(FUZZ); do \
		echo "  FUZZ  $$f" && \
		$$f -runs=3000 -seed=1 -timeout=60 -rss_limit_mb=1024 -max_len=8192 2> $$f.log || \
			{ tail -n 40 $$f.log; exit 1; }; \
	done

FORCE:
.PHONY: fuzz fuzz-run fuzz-check FORCE

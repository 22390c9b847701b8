# SPDX-License-Identifier: Apache-2.0
#
#	make bench	what it costs: a table, and build/bench.json

BENCH = $(B)/tests/bench/tls_pair $(B)/tests/bench/whole_capture $(B)/tests/bench/price \
	$(B)/tests/bench/spawn $(B)/tests/bench/sse_load $(B)/tests/bench/ledger $(B)/tests/bench/export

bench: deps $(if $(RATECARD_PYTHON),,deps-ratecard)
	$(Q)$(MAKE) --no-print-directory all $(BENCH)
	$(Q).deps/python/bin/python tests/bench/run.py --build $(B) \
		--ratecard $(or $(RATECARD_PYTHON),.deps/ratecard/bin/python) $(BENCH_OPTIONS)

$(B)/tests/bench/%: tests/bench/%.c $(LIB)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIB) $(ALL_LDFLAGS) $(LIBS) -lssl -lm

$(B)/tests/bench/sse_load: $(patsubst %,$(B)/tests/bench/%.o,sse_load sse_client sse_server)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

.PHONY: bench

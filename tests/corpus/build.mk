# SPDX-License-Identifier: Apache-2.0
#
#	make corpus-test CORPUS=DIR [SEED=N]	recorded exchanges (DIR/*.jsonl.zst) against the oracle

# An interpreter with brotli and zstandard; by default that of `make deps`.
CORPUS_PYTHON ?=

corpus-test: $(if $(CORPUS_PYTHON),,deps)
	$(Q)test -n "$(CORPUS)" || { echo "usage: make corpus-test CORPUS=DIR" >&2; exit 2; }
	$(Q)$(MAKE) --no-print-directory $(B)/tollspan
	$(Q)$(or $(CORPUS_PYTHON),.deps/python/bin/python) tests/corpus/run.py \
		--tollspan=$(B)/tollspan $(if $(SEED),--seed=$(SEED)) $(CORPUS)

.PHONY: corpus-test

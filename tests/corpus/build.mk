# SPDX-License-Identifier: Apache-2.0
#
#	make corpus-test CORPUS=DIR [SEED=N]	recorded exchanges (DIR/*.jsonl.zst) against the oracle

CORPUS ?=
CORPUS_PYTHON ?= $(or $(wildcard .deps/python/bin/python),python3)

corpus-test: $(B)/tollspan
	$(Q)test -n "$(CORPUS)" || { echo "usage: make corpus-test CORPUS=DIR" >&2; exit 2; }
	$(Q)$(CORPUS_PYTHON) tests/corpus/run.py --tollspan=$(B)/tollspan \
		$(if $(SEED),--seed=$(SEED)) $(CORPUS)

.PHONY: corpus-test

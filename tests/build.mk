# SPDX-License-Identifier: Apache-2.0
# What the tests and the demo stand on, and how they are run.

deps:
	$(Q)tests/env/deps.sh

deps-build:
	$(Q)tests/env/deps.sh build

test: deps
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q)$(MAKE) --no-print-directory sanitized
	$(Q)TOLLSPAN_ASAN_BINARY=$(abspath $(ASAN))/tollspan .deps/python/bin/python tests/run.py $(TESTS)

integration: deps
	$(Q)$(MAKE) --no-print-directory all programs
	$(Q).deps/python/bin/python tests/run.py --integration $(TESTS)

# The committed list of case names; a run of CI must execute all of them.
cases: deps
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q).deps/python/bin/python tests/run.py --write-cases

demo:
	$(Q)tests/env/deps.sh demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo.sh

.PHONY: deps deps-build test integration cases demo

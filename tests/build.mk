# SPDX-License-Identifier: Apache-2.0
# What the tests and the demo stand on, and how they are run.

deps:
	$(Q)tests/env/deps.sh

deps-build:
	$(Q)tests/env/deps.sh build

collector:
	$(Q)tests/env/deps.sh collector

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

# The same for the agent, as root, with an OpenTelemetry Collector.
demo-agent: collector
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo_agent.sh

# kill -9 of the agent's processes, each kind so often, at random moments.
KILLS ?= 50
kill-test: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)TOLLSPAN_KILLS=$(KILLS) .deps/python/bin/python tests/run.py --integration test_agent_kill

.PHONY: deps deps-build collector test integration cases demo demo-agent kill-test

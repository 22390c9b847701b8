# SPDX-License-Identifier: Apache-2.0
#
#	make kernel-test [KERNEL=6.1]	the tests of eBPF on another kernel of Debian, in an emulator

KERNEL ?= 6.1

kernel-test: deps-build
	$(Q)tests/kernel/deps.sh $(B)/kernel $(KERNEL)
	$(Q)$(MAKE) --no-print-directory unit
	$(Q)python3 tests/kernel/run.py --build $(B) --kernel $(KERNEL)

.PHONY: kernel-test

# SPDX-License-Identifier: Apache-2.0
#
#	make ratecard	pricing/card.json anew, from the packages that tests/env/ratecard.txt pins
#	make price-diff	all cases and 100,000 random usages beside both packages [USAGES=N] [SEED=N]
#	make price-differences	the list of differences anew: for a person to read

# An interpreter with genai-prices and litellm; by default that of `make deps-ratecard`.
RATECARD_PYTHON ?=
USAGES ?= 100000
RATECARD = LITELLM_LOCAL_MODEL_COST_MAP=True $(or $(RATECARD_PYTHON),.deps/ratecard/bin/python)

deps-ratecard:
	$(Q)tests/env/deps.sh ratecard

ratecard: $(if $(RATECARD_PYTHON),,deps-ratecard)
	$(Q)$(RATECARD) tests/pricing/ratecard.py --report $(B)/ratecard-report.txt
	$(Q)$(MAKE) --no-print-directory $(B)/tollspan
	$(Q)$(B)/tollspan price --validate pricing/card.json

price-diff: $(if $(RATECARD_PYTHON),,deps-ratecard)
	$(Q)$(MAKE) --no-print-directory $(B)/tollspan
	$(Q)$(RATECARD) tests/pricing/differ.py --tollspan $(B)/tollspan --usages $(USAGES) \
		$(if $(SEED),--seed $(SEED))

price-differences: $(if $(RATECARD_PYTHON),,deps-ratecard)
	$(Q)$(MAKE) --no-print-directory $(B)/tollspan
	$(Q)$(RATECARD) tests/pricing/differ.py --tollspan $(B)/tollspan --usages 0 --write

.PHONY: deps-ratecard ratecard price-diff price-differences

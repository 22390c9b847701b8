# SPDX-License-Identifier: Apache-2.0
# What the keeper must still be able to do is asked of the libraries that it uses.

$(B)/tests/unit/util/test_sandbox_keeper: LIBS += $(shell $(PKG_CONFIG) --libs libcurl)

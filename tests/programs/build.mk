# SPDX-License-Identifier: Apache-2.0
# Programs that integration tests run; those of the shim are in preload/build.mk.

INTEGRATION_PROGRAMS = $(TEST_PROGRAMS)/export_dump $(TEST_PROGRAMS)/export_send

programs: $(INTEGRATION_PROGRAMS)

unit: programs

$(TEST_PROGRAMS)/export_%: tests/programs/export_%.c $(LIB)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIB) $(ALL_LDFLAGS) $(LIBS)

.PHONY: programs

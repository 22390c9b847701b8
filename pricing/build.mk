# SPDX-License-Identifier: Apache-2.0
# libpricing for other programs: what pricing.h declares is visible, and nothing else.

LIBPRICING_VERSION = $(VERSION)
# One more where a struct of pricing.h becomes larger, or a function other.
LIBPRICING_SONAME = libpricing.so.0
LIBPRICING_OBJ = $(patsubst pricing/%.c,$(B)/libpricing/%.o,$(filter pricing/%,$(SRC)))
OBJCOPY ?= objcopy

libpricing: $(B)/libpricing.a $(B)/libpricing.so $(B)/libpricing.pc

$(B)/libpricing/%.o: pricing/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(B)/libpricing/builtin.o: $(B)/pricing/card.table

# One object, so that hidden names are local and can not meet those of a program.
$(B)/libpricing.a: $(LIBPRICING_OBJ)
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(B)/libpricing/all.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(B)/libpricing/all.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(B)/libpricing/all.o

$(B)/libpricing.so: $(LIBPRICING_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$(LIBPRICING_SONAME) \
		$(if $(SANITIZE),,-Wl,-z,defs) -Wl,-z,relro -Wl,-z,now -o $@ $^ -lcjson

# Made anew each time, as PREFIX may be another.
$(B)/libpricing.pc: pricing/libpricing.pc.in FORCE
	$(Q)mkdir -p $(@D) && sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(LIBPRICING_VERSION)|' \
		$< > $@

install-libpricing: libpricing
	install -D -m 644 $(B)/libpricing.a $(DESTDIR)$(PREFIX)/lib/libpricing.a
	install -D -m 644 $(B)/libpricing.so \
		$(DESTDIR)$(PREFIX)/lib/libpricing.so.$(LIBPRICING_VERSION)
	ln -sf libpricing.so.$(LIBPRICING_VERSION) $(DESTDIR)$(PREFIX)/lib/$(LIBPRICING_SONAME)
	ln -sf $(LIBPRICING_SONAME) $(DESTDIR)$(PREFIX)/lib/libpricing.so
	install -D -m 644 pricing/pricing.h $(DESTDIR)$(PREFIX)/include/pricing.h
	install -D -m 644 $(B)/libpricing.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/libpricing.pc
	install -D -m 644 docs/libpricing.3 $(DESTDIR)$(PREFIX)/share/man/man3/libpricing.3

FORCE:

.PHONY: libpricing install-libpricing FORCE

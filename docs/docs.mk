# SPDX-License-Identifier: Apache-2.0
.PHONY: man
MAN := $(patsubst docs/man/%.scd,$(B)/man/%,$(wildcard docs/man/*.scd))
man: $(MAN) ## man pages (scdoc)
$(B)/man/%: docs/man/%.scd
	@mkdir -p $(@D); echo "  MAN   $@"
	$(Q)scdoc < $< > $@.tmp && mv $@.tmp $@

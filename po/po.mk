# SPDX-License-Identifier: Apache-2.0
# Message catalogues, domain "terrace", of both programs.
PO_LANGS := $(patsubst po/%.po,%,$(wildcard po/*.po))
PO_MO    := $(foreach l,$(PO_LANGS),$(B)/locale/$(l)/LC_MESSAGES/terrace.mo)

.PHONY: po po-update lint-po install-po
all: $(PO_MO)
po: $(PO_MO) ## message catalogues

$(B)/locale/%/LC_MESSAGES/terrace.mo: po/%.po
	@mkdir -p $(@D); echo "  MO    $<"
	$(Q)msgfmt --check -o $@ $<

po/terrace.pot: ## template of all texts (not kept in git)
	$(Q)po/extract.sh $@

po-update: ## merge new texts into the catalogues
	@po/extract.sh $(B)/terrace.pot
	@for l in $(PO_LANGS); do msgmerge --quiet --no-fuzzy-matching --add-location=file --no-wrap -U --backup=off po/$$l.po $(B)/terrace.pot; done

lint-po: ## no text without its translation
	@po/lint.sh

install: install-po
install-po: $(PO_MO)
	for l in $(PO_LANGS); do install -D -m 644 $(B)/locale/$$l/LC_MESSAGES/terrace.mo $(DESTDIR)$(PREFIX)/share/locale/$$l/LC_MESSAGES/terrace.mo; done

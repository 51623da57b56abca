# SPDX-License-Identifier: Apache-2.0
# deps, demo, check, lint, install.  One make invocation is enough on a machine
# that has none of the packages: `deps` runs first, all else in a second make
# that sees what was installed.
.PHONY: deps demo check lint check-lint install uninstall clean dist

# Suites, in this order; tests/<name>/<name>.mk has the target check-<name>,
# whose last line is "<name>: N passed, M failed".
SUITES := lint unit prop small oracle model sim planted city corpus cli net fault crash e2e
DEPS ?= yes
# As many jobs as there are processors, unless the caller said otherwise.
CHECK_JOBS := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
deps_if = $(if $(filter yes,$(DEPS)),tests/deps.sh $(1),:)

deps: ## install what is missing to build and test (apt)
	@tests/deps.sh all && echo "deps: all there"

demo: ## build, then the main job on real data, end to end
	@$(call deps_if,build)
	@$(MAKE) $(CHECK_JOBS) --no-print-directory all
	@$(B)/terracectl demo $(DEMO)

check: ## everything that must pass; ends with "N passed, N failed"
	@$(call deps_if,all)
	@$(MAKE) $(CHECK_JOBS) --no-print-directory all man
	@B=$(B) MAKE="$(MAKE)" tests/run-check.sh $(SUITES)

lint check-lint: $(LIB_REP) $(LIB_PROTO) $(B)/terraced $(B)/terracectl ## purity, includes, headers, prefixes, sizes, scripts, words
	@B=$(B) CC="$(CC)" PKG_CFLAGS="$(call pkg,--cflags,$(PKGS_PROTO) $(PKGS_DAEMON) $(PKGS_ADMIN) cmocka)" tests/lint/run.sh

clean: ## remove build/
	rm -rf build

# --- install (FHS) ---
bindir   := $(DESTDIR)$(PREFIX)/bin
sbindir  := $(DESTDIR)$(PREFIX)/sbin
mandir   := $(DESTDIR)$(PREFIX)/share/man
datadir  := $(DESTDIR)$(PREFIX)/share/terrace
docdir   := $(DESTDIR)$(PREFIX)/share/doc/terrace
unitdir  := $(DESTDIR)$(PREFIX)/lib/systemd/system
DEMO_DATA := 110101.csv lewisham.events.ndjson.zst boston.ndjson.zst nyc.ndjson.zst README.md

install: all man ## DESTDIR= PREFIX=/usr/local
	install -d $(bindir) $(sbindir) $(mandir)/man1 $(mandir)/man5 $(mandir)/man8 $(datadir)/demo $(docdir) $(unitdir)
	install -m 755 $(B)/terraced $(sbindir)/terraced
	install -m 755 $(B)/terracectl $(bindir)/terracectl
	install -m 644 $(B)/man/terracectl.1 $(mandir)/man1/
	install -m 644 $(B)/man/terrace.yaml.5 $(mandir)/man5/
	install -m 644 $(B)/man/terraced.8 $(mandir)/man8/
	install -m 644 $(addprefix tests/data/,$(DEMO_DATA)) $(datadir)/demo/
	install -m 644 README.md README.zh-CN.md CHANGELOG.md LICENSE $(wildcard docs/*.md) $(docdir)/
	sed 's|@SBINDIR@|$(PREFIX)/sbin|;s|@BINDIR@|$(PREFIX)/bin|' docker/terraced.service > $(unitdir)/terraced.service
	chmod 644 $(unitdir)/terraced.service

uninstall: ## what install put there
	rm -f $(sbindir)/terraced $(bindir)/terracectl $(mandir)/man1/terracectl.1 $(mandir)/man5/terrace.yaml.5 $(mandir)/man8/terraced.8 $(unitdir)/terraced.service
	rm -rf $(datadir) $(docdir)

dist: ## source archive of the committed tree
	@mkdir -p build
	git archive --prefix=terrace-$(VERSION)/ -o build/terrace-$(VERSION).tar.gz HEAD
	@echo build/terrace-$(VERSION).tar.gz

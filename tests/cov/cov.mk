# SPDX-License-Identifier: Apache-2.0
# cov: which branches of the core the tests take.
#	make cov                        unit, prop, oracle and simulator, then the figure; a few minutes
#	make cov COV_SEEDS=500          more of the simulator
# Lines with TR_ASSERT do not count: their other branch is the end of the
# process.  Nothing else is taken out.  What is left, and why, is in left.txt.
COV_SEEDS ?= 200
COV_GOAL  ?= 95

.PHONY: cov cov-report
cov: ## branch coverage of replication/; COV_SEEDS= of the simulator, COV_GOAL= percent
	@$(MAKE) --no-print-directory CONFIG=cov DEPS=no all build/cov/tests/sim/sim >/dev/null
	@find build/cov -name '*.gcda' -delete
	@$(MAKE) --no-print-directory CONFIG=cov DEPS=no check-unit check-prop check-corpus | tail -1
	@$(MAKE) --no-print-directory CONFIG=cov DEPS=no check-oracle SEEDS=$(COV_SEEDS) | tail -1
	@$(MAKE) --no-print-directory CONFIG=cov DEPS=no check-sim SEEDS=$(COV_SEEDS) | tail -1
	@$(MAKE) --no-print-directory cov-report
cov-report:
	$(Q)rc=0; gcovr --root . --object-directory build/cov --filter replication/ --branches --txt build/cov/branches.txt \
		--html-details build/cov/branches.html --exclude-lines-by-pattern '.*TR_ASSERT.*' \
		--exclude-unreachable-branches --print-summary --fail-under-branch $(COV_GOAL) build/cov/replication || rc=1; \
		tests/cov/left.py build/cov/branches.txt tests/cov/left.txt $(COV_GOAL) && exit $$rc

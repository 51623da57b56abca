# SPDX-License-Identifier: Apache-2.0
# terracectl against a daemon with fixed answers; UPDATE_GOLDEN=1 writes the expected outputs anew.
.PHONY: check-cli
check-cli: $(B)/terracectl $(PO_MO) ## terracectl: views, errors, import, both languages
	@B=$(B) tests/cli/run.sh

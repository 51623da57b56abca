# SPDX-License-Identifier: Apache-2.0
# The link machine, all orders of its steps within bounds.
.PHONY: check-model
check-model: ## the link machine checked exhaustively with spin; FAULTS=4
	@tests/model/run.sh $(abspath $(B)) "$(CC)" $(or $(FAULTS),4)

# Two commands: `make run` and `make test`. Each is one line of a script.

.PHONY: help run test check check-macos test-arm cuda bench formats icons study

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/; s/^/make /'

run: ## Install what is missing, build, and open the window
	@scripts/run.sh

test: ## Install what is missing, and run every test
	@scripts/test.sh

check: ## Everything that must be green before a commit
	@.ci/run

check-macos: ## Type-check the engine for a Mac with Metal, from any machine
	@scripts/check-macos.sh

test-arm: ## Run the engine's kernel tests on emulated ARM processors (Debian, Ubuntu)
	@scripts/test-arm.sh

cuda: ## Build the program with CUDA in it, without a card (Linux)
	@scripts/cuda.sh

bench: ## Time the engine here, beside llama.cpp and PEFT
	@bench/peers/run.sh

study: ## Do edits teach? Imitate a writer and print the curve (STUDY="archive=DIR pairs=0,10")
	@cargo run --locked -p ghost-desk --example study -- $(STUDY)

formats: ## Write the snapshots of every format and the table in docs/formats.md
	@BLESS=1 cargo test --locked -p ghost-core --test formats

icons: ## Draw the icons anew from assets/icons/icon.svg
	@scripts/icons.sh

# The two main commands are `make run` and `make test`. Each target calls one script.

.PHONY: help run test check spelling deny check-macos test-arm cuda bench formats icons study

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/; s/^/make /'

run: ## Install what is missing, build, and open the window
	@scripts/run.sh

test: ## Install what is missing, and run every test
	@scripts/test.sh

check: ## Everything that must be green before a commit
	@.ci/run

spelling: ## Check the spelling of every file
	@scripts/spelling.sh

deny: ## Check the licences and sources of all dependencies (needs cargo-deny)
	@cargo deny --locked check bans licenses sources

check-macos: ## Type-check the engine for a Mac with Metal, from any machine
	@scripts/check-macos.sh

test-arm: ## Run the engine's kernel tests on emulated ARM processors (Debian, Ubuntu)
	@scripts/test-arm.sh

cuda: ## Build the program with CUDA; needs no GPU (Linux)
	@scripts/cuda.sh

bench: ## Compare the engine's speed here with llama.cpp and PEFT
	@bench/peers/run.sh

study: ## Measure how much edits teach, with an imitated writer (STUDY="archive=DIR pairs=0,10")
	@cargo run --locked -p ghost-desk --example study -- $(STUDY)

formats: ## Write the snapshots of every format and the table in docs/formats.md
	@BLESS=1 cargo test --locked -p ghost-core --test formats

icons: ## Draw the icons again from assets/icons/icon.svg
	@scripts/icons.sh

# VCA: `make run` starts it, `make test` proves it, `make help` lists the rest.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
STAGE := scripts/stage
# Options for `make run` and `make eval-turns`, such as ARGS="--sip 127.0.0.1:5070".
ARGS ?=
# One bench alone: make bench BENCH=turns.
BENCH ?= $(patsubst benches/%.rs,%,$(wildcard benches/*.rs))

export CARGO

.DEFAULT_GOAL := help
NPM := npm --prefix frontend
export NEXT_TELEMETRY_DISABLED := 1

.PHONY: help run dashboard test test-asterisk bench eval-turns load simulate openapi fmt lint setup deny clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Set up, build and start the demo receptionist (ARGS="..." for options of vca demo)
	scripts/setup
	@if scripts/node; then $(MAKE) --no-print-directory dashboard; else echo "the dashboard is left out of this build"; fi
	$(CARGO) build --locked --release
	$(TARGET)/release/vca demo --example-calls $(ARGS)

dashboard: ## Build the dashboard into frontend/out, which the program takes in
	@scripts/node
	@$(STAGE) modules $(NPM) ci --no-audit --no-fund --loglevel error
	@$(STAGE) dashboard $(NPM) run --silent build

test: ## Set up and run every check and test
	@$(STAGE) packages scripts/setup --test --no-models
	@$(STAGE) format $(CARGO) fmt --check
	@$(STAGE) lint $(CARGO) clippy --locked --all-targets -- -D warnings
	@$(MAKE) --no-print-directory dashboard
	@$(STAGE) dashboard-lint $(NPM) run --silent lint
	@$(STAGE) dashboard-types $(NPM) run --silent typecheck
	@$(STAGE) dashboard-units $(NPM) run --silent test
	@$(STAGE) dashboard-size $(NPM) run --silent size
	@$(STAGE) build $(CARGO) build --locked --bins --tests
	@$(STAGE) models scripts/setup --test --no-packages
	@$(STAGE) test $(CARGO) test --locked
	@VCA_E2E_EMBEDDED=1 VCA_BINARY=$(abspath $(TARGET))/debug/vca $(STAGE) browser $(NPM) run --silent e2e

bench: ## Set up and measure (BENCH=name for one)
	@$(STAGE) setup scripts/setup --test --profile release
	@for bench in $(BENCH); do $(STAGE) "bench $$bench" $(CARGO) bench --locked --bench "$$bench" || exit 1; done

eval-turns: ## False cuts against dead air, over spoken and recorded turns (ARGS="--quick" for a quarter of them)
	@$(STAGE) setup scripts/setup --test --profile release
	@$(CARGO) bench --locked --bench eval_turns -- $(ARGS)

load: ## Calls by SIPp with RTP against a mock agent (CPS=100 CALLS=1000 HOLD=10 TRANSPORT=tcp DTMF=1 LOSE=20)
	@$(STAGE) packages scripts/setup --test --no-models
	CPS=$(or $(CPS),100) CALLS=$(or $(CALLS),1000) HOLD=$(or $(HOLD),10) TRANSPORT=$(TRANSPORT) DTMF=$(or $(DTMF),0) \
		LOSE=$(or $(LOSE),0) $(CARGO) bench --locked --bench load

simulate: ## Set up and let 40 scripted callers call, scored (SCENARIOS="angry echo" for some, ARGS="--junit out.xml")
	@$(STAGE) setup scripts/setup --test --profile release
	@$(STAGE) build $(CARGO) build --locked --release
	$(TARGET)/release/vca simulate $(ARGS) $(SCENARIOS)

test-asterisk: ## Calls through a real Asterisk, when one is installed (ASTERISK=/path/to/asterisk)
	@asterisk="$(or $(ASTERISK),$(shell command -v asterisk))"; \
	if [ -z "$$asterisk" ]; then \
		echo "test-asterisk is not run: no asterisk in PATH; install Asterisk 18 or later (Debian 12 has no package of it), or ASTERISK=/path/to/asterisk"; \
	else \
		ASTERISK="$$asterisk" $(CARGO) test --locked --test it -- --ignored --nocapture asterisk::live; \
	fi

openapi: ## Write docs/openapi.json anew, from the code
	VCA_REWRITE_OPENAPI=1 $(CARGO) test --locked --lib -- api::tests::document::the_file_is_the_document

fmt: ## Format the code
	$(CARGO) fmt

lint: ## Check format and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

setup: ## Install what is missing: packages, models
	scripts/setup

deny: ## Check licences, sources and advisories of the dependencies (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 2; }
	@$(STAGE) licences $(CARGO) deny check bans licenses sources
	@$(STAGE) advisories $(CARGO) deny check advisories

clean: ## Remove what was built (models and call data stay)
	$(CARGO) clean

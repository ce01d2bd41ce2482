# The two commands of the README are `make quickstart` and `make test`; each builds .venv when it is missing.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup story quickstart test wheel-test docs parity transformers-4.51 lint clean

setup: $(READY)

# Pinned by constraints.txt, so that everyone's numbers come from the same versions.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "BabyLlama needs Python 3.11, 3.12 or 3.13 (python3 is $$(python3 --version 2>&1))"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,test]"
	@touch $(READY)

# TinyStories from the Hub (1.9 GB, once), half an hour of training on two cores, a story.
story: $(READY)
	@$(BIN)/babyllama fetch tinystories
	@$(BIN)/babyllama train --config tinystories-laptop
	@$(BIN)/babyllama generate models/TinyStories-laptop "Once upon a time"

quickstart: $(READY)
	@$(BIN)/babyllama quickstart

test: $(READY)
	@$(BIN)/python run_tests.py

# Builds the wheel and the source distribution, installs them where no checkout is, and uses them there. Nothing is downloaded.
wheel-test: $(READY)
	@$(BIN)/python run_tests.py --no-lint tests/installed.py

# The documentation as a searchable site in build/site; a link or anchor that leads nowhere is an error. Nothing is fetched.
docs: $(READY)
	@test -f .venv/.docs || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,test,docs]"
	@touch .venv/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# Scores beside those of lm-evaluation-harness and minicons themselves, which the extra `parity` brings, and ids beside those
# of transformers 4.51.
parity: $(READY) transformers-4.51
	@test -f .venv/.parity || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,test,parity]"
	@touch .venv/.parity
	@$(BIN)/python run_tests.py --no-lint tests/parity

# The version that the official evaluation pipelines pin; it shares no environment with transformers 5. Tokenizers need no torch.
transformers-4.51: .venv-4.51/.ready

.venv-4.51/.ready: | $(READY)
	$(BIN)/python -m venv .venv-4.51
	.venv-4.51/bin/python -m pip install --quiet --disable-pip-version-check transformers==4.51.3
	@touch .venv-4.51/.ready

lint: $(READY)
	@$(BIN)/python run_tests.py --lint-only

clean:
	rm -rf .venv .venv-4.51 build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

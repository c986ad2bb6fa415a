# make demo    the main job, on real music (yours with MUSIC=~/Music and HISTORY=export.zip)
# make test    the tests
# make check   what CI runs: format, lint, types, tests, docs
# make proof   the slow proofs: kills at random moments, big trees, whole trainings
# make bench   speed and memory beside peers
# make weights the shipped ears, trained from nothing on open music (gigabytes and hours; a killed run goes on)
.DELETE_ON_ERROR:
.PHONY: demo test check format lint types docs reference proof bench weights clean

BIN := .venv/bin
PAGE ?= segue-demo.html
export OMP_NUM_THREADS ?= 1

.venv/.complete: pyproject.toml constraints.txt tools/make-venv
	tools/make-venv

demo: .venv/.complete
	$(BIN)/segue demo $(if $(MUSIC),--music "$(MUSIC)") $(if $(HISTORY),--history "$(HISTORY)") --page "$(PAGE)"

test: .venv/.complete
	$(BIN)/pytest -n 2 -m "not slow"

check: lint types test docs

format: .venv/.complete
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: .venv/.complete
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: .venv/.complete
	$(BIN)/mypy

docs: .venv/.complete
	$(BIN)/python docs/build_reference.py --check

reference: .venv/.complete
	$(BIN)/python docs/build_reference.py

proof: .venv/.complete
	$(BIN)/pytest -m slow

bench: .venv/.complete
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.analysis $(MUSIC)

weights: .venv/.complete
	$(BIN)/python -m recipes.weights --cache "$(or $(CACHE),.weights)"

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache

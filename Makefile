# `make run` and `make test` each set up what they need in .venv on a bare machine with Python 3.11.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# uv is quick; where it cannot reach the index in its own way (proxies, certificates), pip can.
INSTALL = $(BIN)/uv pip install -q --python $(BIN)/python -e '.[$(EXTRAS)]' || $(BIN)/python -m pip install -q -e '.[$(EXTRAS)]'
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
# Where it is set every process compiles all libraries again: a run takes twice the CPU.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test pytest test-engines engines test-faults test-fuzz check clean

run: $(VENV)/.ready
	$(BIN)/prefcurate run examples/quickstart.yaml

test: $(VENV)/.ready-dev
	$(MAKE) -j 2 check pytest

# Files in their order: those with few tests take longest (tests/e2e, tests/faults), and would otherwise come last, one after another.
# Three at once on two cores: some wait for servers and for what they killed.
pytest: $(VENV)/.ready-dev
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not engines and not kills" tests

# A small line on a Spark cluster and on Flink, through a killed executor and as a jar for spark-submit, and the quick start on Spark:
# all against local runs. ENGINES='engines and not quickstart and not slow' is the short form, which CI runs.
ENGINES ?= engines
test-engines: engines
	$(BIN)/pytest -n 2 --dist loadfile -m "$(ENGINES)" -rs --durations=0 tests/engines

# Beam's job servers, into build/engines: minutes at first, nothing later.
engines: $(VENV)/.ready-dev
	@command -v java >/dev/null && command -v mvn >/dev/null || \
	  { echo "the engines' tests need Java 17 and Maven in PATH (Debian: openjdk-17-jre-headless, maven)"; exit 1; }
	$(BIN)/python -m tests.engines.jars

# Kills whatever can be killed, so often; the seed is printed, and gives the same rounds again.
ROUNDS ?= 100
RUNNER ?= local
SEED ?= 7
test-faults: $(VENV)/.ready-dev
	$(BIN)/pytest -m kills tests/e2e
	$(BIN)/python -m tests.faults --rounds $(ROUNDS) --runner $(RUNNER) --seed $(SEED)

# A million rows in files of every kind with planted damage, through the real ingest, with exact accounts.
ROWS ?= 1000000
test-fuzz: $(VENV)/.ready-dev
	$(BIN)/python -m tests.fuzz --rows $(ROWS) --seed $(SEED)

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p build/typecheck/prefcurate
	ln -sfn ../../../schemas ../../../transforms ../../../pipelines build/typecheck/prefcurate
	MYPYPATH=build/typecheck $(BIN)/mypy -p prefcurate

$(VENV)/.ready: EXTRAS = all
$(VENV)/.ready: setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip uv
	$(INSTALL)
	touch $@

$(VENV)/.ready-dev: EXTRAS = all,dev
$(VENV)/.ready-dev: $(VENV)/.ready
	$(INSTALL)
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info store

# The two commands are `make demo` and `make test`; both prepare everything themselves.
PORT ?= 8780
PY = .venv/bin/python
SET_UP = python="$$(sh tools/find_python.sh)" && "$$python" tools/set_up.py

.PHONY: help demo dev test check bench soak lock clean

help:
	@echo "make demo    the whole product with three cameras and twenty alarm units; PORT=8781 for another port"
	@echo "make test    all tests"
	@echo "make check   what must hold of every file: lint, types, laws"
	@echo "make bench   measured figures beside their goals"
	@echo "make soak    half an hour of forty cameras: do memory, threads and open files stay as they are?"
	@echo "make dev     the demo, parts started again when their code changes"
	@echo "make lock    pin the requirements anew"
	@echo "make clean   remove what was made here (the demo's own data stays)"

demo:
	@$(SET_UP) demo && exec $(PY) -m alertwall demo --port $(PORT)

dev:
	@$(SET_UP) dev && exec $(PY) -m alertwall demo --port $(PORT) --reload

test:
	@$(SET_UP) dev && exec $(PY) tools/run_tests.py

check:
	@$(SET_UP) dev && exec $(PY) tools/check.py

bench:
	@$(SET_UP) dev && exec $(PY) -m benchmarks

soak:
	@$(SET_UP) dev && exec $(PY) -m benchmarks.soak --cameras 40 --minutes 30

lock:
	@$(SET_UP) dev && exec $(PY) tools/lock.py

clean:
	rm -rf .venv dashboard_api/static dashboard_api/wall/node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

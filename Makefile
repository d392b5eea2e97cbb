# make book | serve | test | lab | bench | results | student | run NB=... | format
PYTHON ?= python3
BIN = .venv/bin
BOOK = $(BIN)/jupyter-book build . --toc book/_toc.yml --path-output book -W -n --keep-going --all

.PHONY: book serve test lab bench results student run format clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[lab,torch,finetune,book,test,grade]"
	touch $@

book: .venv/ready
	$(BOOK)
	@echo "Open $(CURDIR)/book/_build/html/index.html"

serve: book
	@echo "http://127.0.0.1:8000/  (Ctrl+C stops it)"
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory book/_build/html

test: .venv/ready
	$(BIN)/python -m gdcourse data install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lab: .venv/ready
	$(BIN)/jupyter lab --ServerApp.root_dir=. exercises/01_least_squares.ipynb

# The engine beside PyTorch and, where installed, others: some minutes, best on a quiet machine.
bench: .venv/ready
	$(BIN)/python tests/bench.py

# The sweeps whose results "Fine-tune an encoder" shows: some CPU hours; rows that are there are kept.
results: .venv/ready
	$(BIN)/python tests/results.py

# For authors: the learner's notebooks; a re-run, stored in normal form, that notes its time.
student: .venv/ready
	$(BIN)/python -m gdcourse student

run: .venv/ready
	$(BIN)/python book/_ext/run.py $(NB)

format: .venv/ready
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:
	rm -rf book/_build .pytest_cache .ruff_cache .hypothesis

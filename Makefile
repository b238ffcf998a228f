# Everything happens in .venv, which any of these makes first.
PYTHON ?= python3
BIN := .venv/bin
RUNS := build/bundled
AFTERWARDS := afterwards its base learnt from 45,000 more pictures of the usual mix

.PHONY: demo test check slow bundled clean

demo: .venv/installed
	$(BIN)/python main.py

test: .venv/installed
	$(BIN)/python -m pytest -n auto --dist loadfile

slow: .venv/installed
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --timeout 1500

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The cascade that comes with the package, in an hour and three quarters of two cores. The second
# training brings back numbers, after the many pairs of things of the first one.
bundled: .venv/installed
	$(BIN)/python train.py -p parameters/scenes -o $(RUNS) -ts whole
	$(BIN)/python train.py -p parameters/scenes -o $(RUNS) -ts base -s 64 -id $(RUNS)/training_whole \
		--SET 'training.images=[45000,4,4]' --SET training.data.shapes.seed=2 \
		--SET training.data.shapes.mix=null \
		--SET 'training.optimizer.learning_rate=[0.0012,0.0005,0.0005]'
	cp $(RUNS)/training_base/state_dicts/unet_0_state.safetensors $(RUNS)/training_whole/state_dicts/
	$(BIN)/python -m minimagen release $(RUNS)/training_whole -o minimagen/bundled --dtype int8 \
		--measure 256 --name minimagen-scenes --about "The whole built-in world; $(AFTERWARDS)."

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch .venv/installed

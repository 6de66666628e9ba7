# Entry points; the work is CMake's (CMakePresets.json) and that of the scripts in tools/.
.POSIX:

SECONDS = 60
MINUTES = 10
JOBS = 2

.PHONY: help run build test test-aarch64 bench bench-peers soak lint format asan tsan fuzz clean deps dev-deps

help:
	@echo "make run              build tarn and ask the embedded model a few questions"
	@echo "make test             build everything and run the tests, those for AArch64 under an emulator"
	@echo "make test-aarch64     only the latter"
	@echo "make bench            micro-benchmarks, then tarn bench on Pebble and on a synthetic 0.8B model"
	@echo "make bench-peers      tarn beside llama.cpp and MLX, in turn (from PyPI); about an hour"
	@echo "                      PEERS='--shapes qwen3-0.6b --rounds 3': options of bench/peers/compare.py"
	@echo "make soak MINUTES=10  64 clients, not all well-behaved, at tarn serve; SOAK='--clients 16': options of"
	@echo "                      bench/serve_soak.py"
	@echo "make lint             layers, formatting and clang-tidy on files changed since origin/HEAD"
	@echo "                      BASE=rev: since that commit; ALL=1: all files"
	@echo "make format           format all sources in place"
	@echo "make asan, make tsan  the tests under the address and undefined-behaviour, or thread, sanitizer"
	@echo "make fuzz SECONDS=60  run each fuzz target for that long"
	@echo "make clean            remove build/"

deps:
	@tools/install-deps.sh

dev-deps:
	@tools/install-deps.sh --dev

run: deps
	cmake --preset release
	cmake --build --preset release --target tarn_cli
	tools/demo.sh

build: deps
	cmake --preset release
	cmake --build --preset release

test: build
	ctest --test-dir build/release --output-on-failure --no-tests=error --parallel $(JOBS)
	tools/test-aarch64.sh $(JOBS)

test-aarch64:
	tools/test-aarch64.sh $(JOBS)

bench: build
	tools/bench.sh

bench-peers: deps
	cmake --preset release
	cmake --build --preset release --target tarn_cli
	bench/peers/compare.py $(PEERS)

soak: deps
	cmake --preset release
	cmake --build --preset release --target tarn_cli
	bench/serve_soak.py --minutes $(MINUTES) $(SOAK)

lint: dev-deps
	tools/lint.sh --base "$(BASE)" $(ALL:1=--all)

format: dev-deps
	git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp' | xargs clang-format -i

asan tsan: deps
	cmake --preset $@
	cmake --build --preset $@
	ctest --test-dir build/$@ --output-on-failure --no-tests=error --parallel $(JOBS)

fuzz: dev-deps
	cmake --preset fuzz
	cmake --build --preset fuzz
	tools/fuzz.sh $(SECONDS)

clean:
	rm -rf build

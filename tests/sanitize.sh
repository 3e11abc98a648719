#!/bin/sh
# sanitize.sh [PRESET]: builds preset sanitize (address, leak and undefined-behaviour sanitizers; or asan, or ubsan;
# heavy libraries off) and runs its unit and property tests. Niced: other tests, some against the clock, run beside it.
set -eu
preset=${1:-sanitize}
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-2}
cd "$HULLSCOPE_SOURCE_DIR"
log=build/$preset.log
mkdir -p build
{
  cmake --preset "$preset" &&
    nice -n 10 cmake --build --preset "$preset" --parallel "$jobs" --target unit_tests
} >"$log" 2>&1 || {
  tail -n 40 "$log"
  exit 1
}
# Leaks that Open MPI, HDF5 and OpenBLAS hold until the process ends are not ours; unit tests use none of MPI.
exec nice -n 10 ctest --test-dir "build/$preset" --parallel "$jobs" --label-regex unit --label-exclude data \
  --output-on-failure --no-tests=error

#!/bin/sh
# sanitize.sh PRESET: builds preset asan or ubsan (heavy libraries off) and runs its unit and property tests.
set -eu
preset=$1
cd "$HULLSCOPE_SOURCE_DIR"
log=build/$preset.log
mkdir -p build
{ cmake --preset "$preset" && cmake --build --preset "$preset" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-2}" --target unit_tests; } \
  >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
# Leaks that Open MPI, HDF5 and OpenBLAS hold until the process ends are not ours; unit tests use none of MPI.
exec ctest --test-dir "build/$preset" --label-regex unit --label-exclude data --output-on-failure --no-tests=error

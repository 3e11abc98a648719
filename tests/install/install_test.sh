#!/bin/sh
# Installs the build into a folder with a space in its name, builds examples/hull against it and runs both.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix="$scratch/a prefix"
cmake --install "$HULLSCOPE_BINARY_DIR" --prefix "$prefix" >"$scratch/log" 2>&1 || { tail "$scratch/log"; exit 1; }
example="$HULLSCOPE_SOURCE_DIR/examples/hull"
cmake -S "$example" -B "$scratch/example" -DCMAKE_PREFIX_PATH="$prefix" >>"$scratch/log" 2>&1 &&
  cmake --build "$scratch/example" >>"$scratch/log" 2>&1 || { tail -n 30 "$scratch/log"; exit 1; }
"$scratch/example/hull_example" | diff - "$example/expected.txt"
# The header needs neither MPI nor PETSc.
c++ -std=c++20 -I"$prefix/include" $(pkg-config --cflags eigen3) -M "$example/main.cpp" >"$scratch/headers"
grep -q 'hullscope/hull/membership.hpp' "$scratch/headers"
if grep -Ei '/(mpi|petsc)[a-z]*\.h' "$scratch/headers"; then exit 1; fi

# The installed program finds its stages and its data manifests.
"$prefix/bin/hullscope" --version
"$prefix/bin/hullscope" datasets list | grep -q fashion-mnist
cat >"$scratch/points.py" <<'PY'
import sys, numpy
numpy.save(sys.argv[1] + "/points.npy", numpy.array([[0, 0], [1, 0], [0, 1]], dtype="f4"))
numpy.save(sys.argv[1] + "/queries.npy", numpy.array([[0.25, 0.25], [1, 1]], dtype="f4"))
PY
/usr/bin/python3 "$scratch/points.py" "$scratch"
"$prefix/bin/hullscope" membership --points "$scratch/points.npy" --queries "$scratch/queries.npy" \
  --output "$scratch/hull.h5" | grep -q '^inside 1 outside 1 undecided 0 of 2, all proved: yes'
"$prefix/bin/hullscope" verify "$scratch/hull.h5" | grep -q 'verified 2 of 2, undecided 0'

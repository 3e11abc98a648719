#!/bin/sh
# install-debian.sh run|test|benchmark: installs what is missing of the Debian 12 packages that hullscope needs.
#   run   to build the programs and make a report
#   test  also what check.sh needs
#   benchmark  run, and the peers of benchmarks/
# Does nothing, and needs no rights, when all of them are there.
set -eu

run="
g++                    the compiler (C++20)
cmake                  the build (3.25 or later)
ninja-build            runs the build
make                   the build's fallback, and what MPI's compiler checks use
pkg-config             finds HDF5, PETSc and FLINT
git                    names the version that is stored in every file
procps                 ps and pkill, with which lost programs are found and ended
libopenmpi-dev         MPI: many processes, many nodes
openmpi-bin            mpirun
libhdf5-openmpi-dev    parallel HDF5: every artifact is such a file
libeigen3-dev          small dense matrices
libopenblas-pthread-dev  matrix products, with kernels chosen for the processor at run time
libopenblas0-pthread   the library itself, ahead of the reference BLAS
libpetsc-real-dev      PETSc/TAO: the solvers tao:TYPE
libtorch-dev           LibTorch: networks and their training
libgmp-dev             integers of any size, for exact proofs
libflint-dev           exact linear algebra, for exact proofs
libqhull-dev           facets: hull queries in up to 4 dimensions
libcli11-dev           the command line
libtomlplusplus-dev    study files
libspdlog-dev          log lines
libfmt-dev             text formatting
nlohmann-json3-dev     progress.json and the inputs attribute
libboost-dev           Boost.Math: Student's t, normal, chi-squared
libssl-dev             SHA-256 of contents
zlib1g-dev             gzip files
python3                figures and the report
python3-h5py           ... read HDF5
python3-numpy          ... arrays
python3-pandas         ... tables
python3-matplotlib     ... figures
python3-scipy          ... Student's t, for the claims; in tests: HiGHS, Kolmogorov-Smirnov, distributions
dataset-fashion-mnist  the data of the quickstart
ca-certificates        data sets are fetched over https
curl                   ... by curl
"
test="
ccache                 the second build takes seconds
libgtest-dev           the tests' framework
libgmock-dev           ... and its matchers
libqsopt-ex-dev        oracle: exact linear programs
hdf5-tools             h5dump on what tests wrote
python3-statsmodels    oracle: logit
python3-sklearn        oracle: ROC, covariance
python3-xarray         every file must open in it
python3-h5netcdf       ... through this engine
python3-torch          makes a network elsewhere, and is its oracle
slurmctld              a real Slurm on one machine: the controller
slurmd                 ... a daemon a node
slurm-client           ... sbatch, srun, squeue, scontrol
munge                  ... what they trust each other by
slurmdbd               ... accounting: sacct
mariadb-server-core    ... where it stores
libpmix-dev            shows the bug of Slurm's PMIx fences, and its cure
chromium               renders the report in a test
"
benchmark="
python3-scipy          HiGHS, nnls, Qhull and Delaunay
coinor-libclp-dev      Clp
"

case "${1:-}" in
  run) wanted=$run ;;
  test) wanted="$run$test" ;;
  benchmark) wanted="$run$benchmark" ;;
  *) echo "usage: install-debian.sh run|test|benchmark" >&2; exit 2 ;;
esac
names=$(printf '%s' "$wanted" | awk 'NF { print $1 }')

missing() {
  for name in $names; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "This is not a Debian system: install by hand what packaging/install-debian.sh lists, then go on with CMake (README)." >&2
  exit 1
fi
todo=$(missing)
if [ -z "$todo" ]; then
  echo "Packages: all there."
  exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "These Debian packages are missing and there is no sudo: ask root to run: apt-get install $todo" >&2
    exit 1
  fi
  sudo="sudo DEBIAN_FRONTEND=noninteractive"
fi
echo "Packages: installing $(printf '%s' "$todo" | wc -w) that are missing: $todo"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# The package lists are fetched only if something is missing; a machine without a network then fails here, with apt's words.
if ! $sudo apt-get update >"$log" 2>&1 </dev/null || ! $sudo apt-get install -y --no-install-recommends $todo >>"$log" 2>&1 </dev/null; then
  echo "Packages: apt-get failed; its last lines (all of them: $log):" >&2
  tail -n 15 "$log" >&2
  exit 1
fi
rm -f "$log"
echo "Packages: installed."

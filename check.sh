#!/bin/sh
# check.sh [OPTION of ctest]...: installs what the tests need, builds preset `dev` and runs every test.
# The last lines are ctest's summary.
set -eu
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }
failed() { printf '\ncheck.sh: %s\n' "$*" >&2; exit 1; }

step "1/3 Packages"
packaging/install-debian.sh test || failed "packages could not be installed (see above)"

# MNIST and CIFAR-10 are not Debian packages: tests with the label `data` look for them here.
if [ -z "${HULLSCOPE_DATA:-}" ] && [ -d ../shared/data ]; then
  HULLSCOPE_DATA=$(cd ../shared/data && pwd)
  export HULLSCOPE_DATA
fi

step "2/3 Build (preset dev: warnings are errors)"
log=build/dev.log
mkdir -p build
{ cmake --preset dev && cmake --build --preset dev; } >"$log" 2>&1 </dev/null || {
  tail -n 40 "$log" >&2
  failed "the build failed; its last lines are above, all of them in $log"
}

step "3/3 Tests"
# A test of kills, signals or time limits that a busy machine upsets gets a second try; the log shows both.
exec ctest --preset dev --parallel "$(nproc)" --repeat until-pass:2 "$@" </dev/null

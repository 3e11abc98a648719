#!/bin/sh
# quickstart.sh [OPTION of hullscope run]...: from a fresh clone on Debian 12 to a report, in one command.
# Installs missing Debian packages, builds preset `release`, runs studies/quickstart.toml on two ranks, and ends with
# the path of the report. Run it again: what is done stays done.
set -eu
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }
failed() { printf '\nquickstart.sh: %s\n' "$*" >&2; exit 1; }

step "1/3 Packages"
packaging/install-debian.sh run || failed "packages could not be installed (see above)"

step "2/3 Build (preset release, in build/release)"
log=build/release.log
mkdir -p build
{ cmake --preset release && cmake --build --preset release; } >"$log" 2>&1 </dev/null || {
  tail -n 30 "$log" >&2
  failed "the build failed; its last lines are above, all of them in $log"
}
echo "Built: build/release/bin/hullscope $(build/release/bin/hullscope --version | head -n 1)"

step "3/3 Study studies/quickstart.toml (Fashion-MNIST, four networks; about six minutes on two free cores)"
exec build/release/bin/hullscope run studies/quickstart.toml --ranks 2 "$@" </dev/null

#!/bin/sh
# image.sh build PREFIX | packages PREFIX | final PREFIX: the steps of packaging/Containerfile and packaging/hullscope.def,
# in one place. Run by root in a Debian 12 image.
#   build     installs what the build needs, builds this clone and installs it in PREFIX
#   packages  prints the Debian packages that the programs in PREFIX need to run
#   final     in the second image: installs the packages that `build` has found, and nothing that only a build needs
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${2:?usage: image.sh build|packages|final PREFIX}

programs() { ls "$prefix"/bin/hullscope "$prefix"/libexec/hullscope/*; }

# The owners of the shared libraries that the programs load, and what they start: mpirun, Python's plots, Slurm's clients.
packages() {
  printf '%s\n' openmpi-bin libopenblas0-pthread python3-h5py python3-numpy python3-pandas python3-scipy python3-matplotlib \
    slurm-client ca-certificates curl
  # dpkg knows a file of /usr/lib by the name under which its package has it, which may be /lib: both are asked for.
  programs | xargs ldd | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | xargs realpath | sed 'p; s:^/usr::' |
    xargs dpkg-query -S 2>/dev/null | sed 's/:.*//' | sort -u
}

case $1 in
  build)
    "$here/install-debian.sh" run
    cd "$here/.."
    cmake --preset release -B /tmp/hullscope-build
    cmake --build /tmp/hullscope-build
    cmake --install /tmp/hullscope-build --prefix "$prefix"
    rm -rf /tmp/hullscope-build
    "$0" packages "$prefix" >"$prefix/packages"
    ;;
  packages) packages ;;
  final)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    xargs apt-get install -y --no-install-recommends <"$prefix/packages"
    rm -rf /var/lib/apt/lists/*
    if programs | xargs ldd | grep 'not found'; then
      echo "image.sh: no installed package has these libraries" >&2
      exit 1
    fi
    ;;
  *) echo "usage: image.sh build|packages|final PREFIX" >&2; exit 2 ;;
esac

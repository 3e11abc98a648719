#!/bin/sh
# mpirun.sh RANKS PROGRAM ARGS...: starts ranks on this machine as the tests need them.
# --allow-run-as-root: containers and CI run as root, and Open MPI refuses that by default (it fears for the
# machine's files; ours is a throw-away one). --oversubscribe: more ranks than cores. No binding: other tests run beside.
ranks=$1
shift
root=
[ "$(id -u)" = 0 ] && root=--allow-run-as-root
exec mpirun $root --oversubscribe --bind-to none --mca btl self,vader,tcp -n "$ranks" "$@" </dev/null

#!/bin/sh
# parallel_small_shm.sh FAILING_PROGRAM: 100 MB are shared between two ranks where /dev/shm is as small as in containers,
# or nearly full; and where no folder has room, which is an error with a sentence. Skipped (77) where this user may not
# mount a small /dev/shm of its own.
program=$1
mpirun=$(dirname "$0")/../mpirun.sh
if [ -z "$INSIDE" ]; then
  map=
  [ "$(id -u)" = 0 ] || map=--map-root-user
  unshare --mount $map mount -t tmpfs -o size=1m none /dev/shm 2>/dev/null || { echo "skipped: no mount allowed"; exit 77; }
  INSIDE=1 exec unshare --mount $map sh "$0" "$program"
fi

failed=0
fail() {
  echo "FAILED: $1"
  cat "$log"
  failed=1
}

folder=$(mktemp -d)
log=$folder/log
# A session folder of our own: inside, this user passes for root, whose folder in /tmp may belong to the real one.
export OMPI_MCA_orte_execute_quiet=1 OMPI_MCA_orte_tmpdir_base="$folder"
for size in 64m 8m 1m; do
  mount -t tmpfs -o size=$size none /dev/shm
  timeout 30 "$mpirun" 2 "$program" share >"$log" 2>&1 || fail "/dev/shm of $size: exit code $?, expected 0"
  [ "$(grep -c 'warning: /dev/shm has .* a file on disk is mapped instead' "$log")" = 1 ] ||
    fail "/dev/shm of $size: expected one warning that tells how to mend it"
done

# No room: the only folder to try is too small.
mount -t tmpfs -o size=64m none /dev/shm
mkdir /dev/shm/t
HULLSCOPE_SHARED_FOLDER=/dev/shm/t timeout 30 "$mpirun" 2 "$program" share >"$log" 2>&1
[ $? = 1 ] || fail "no room: expected exit code 1"
[ "$(grep -c '^hullscope: no room for an array of .* No space left on device' "$log")" = 1 ] ||
  fail "no room: expected one sentence"
[ -z "$(ls /dev/shm/t)" ] || fail "files were left in /dev/shm"
rm -rf "$folder"
[ $failed = 0 ] && echo "all passed"
exit $failed

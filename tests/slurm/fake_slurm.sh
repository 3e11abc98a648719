#!/bin/bash
# Runs slurm/study.sbatch with srun, scontrol and hullscope replaced by scripts that write down how they were called.
set -u
script=$HULLSCOPE_SOURCE_DIR/slurm/study.sbatch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/srun" <<'S'
#!/bin/bash
echo "srun $*" >>"$LOG"
# the program's name and its stage stand behind the options
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
S
cat >"$work/scontrol" <<'S'
#!/bin/bash
echo "scontrol $*" >>"$LOG"
S
cat >"$work/hullscope" <<'S'
#!/bin/bash
echo "stage $*" >>"$LOG"
[ "$1" = "${FAILS:-none}" ] && exit "$FAILS_WITH"
if [ "$1" = "${WAITS:-none}" ]; then
  trap 'echo checkpoint >>"$LOG"; sleep 0.3; exit 75' USR1
  : >"$READY"
  for _ in $(seq 200); do sleep 0.05; done
  exit 1
fi
exit 0
S
chmod +x "$work/srun" "$work/scontrol" "$work/hullscope"
unset HULLSCOPE HULLSCOPE_SRUN  # the script is to find the fakes in PATH
export PATH=$work:$PATH SLURM_NTASKS=3 SLURM_JOB_ID=42 LOG=$work/log READY=$work/ready
fail() { echo "FAILED: $1"; cat "$LOG"; exit 1; }

bash "$script" "my study.toml" --output "a b" >"$work/out" || fail "a job that has nothing to complain about"
[ "$(grep -c '^stage ' "$LOG")" = 6 ] || fail "six stages"
grep -q '^stage hull my study.toml --output a b$' "$LOG" || fail "arguments with blanks"
grep -q 'srun --mpi=pmix --ntasks=3 --kill-on-bad-exit=1 hullscope train' "$LOG" || fail "the ranks of the job"
grep -q 'srun --mpi=pmix --ntasks=1 --kill-on-bad-exit=1 hullscope reduce' "$LOG" || fail "one rank reduces"
grep -q scontrol "$LOG" && fail "no requeue without a reason"

: >"$LOG"
FAILS=encode FAILS_WITH=2 bash "$script" s.toml >"$work/out"
[ $? = 2 ] || fail "the stage's own code"
[ "$(grep -c '^stage ' "$LOG")" = 3 ] || fail "nothing runs after a failure"

: >"$LOG"
FAILS=hull FAILS_WITH=75 bash "$script" s.toml >"$work/out"
[ $? = 75 ] || fail "75"
grep -q 'scontrol requeue 42' "$LOG" || fail "requeue on 75"

: >"$LOG"
WAITS=train bash "$script" s.toml >"$work/out" &
job=$!
while [ ! -e "$READY" ]; do sleep 0.02; done
kill -USR1 $job
wait $job
[ $? = 75 ] || fail "75 after a signal"
grep -q '^checkpoint$' "$LOG" || fail "the signal reaches the stage"
grep -q 'scontrol requeue 42' "$LOG" || fail "requeue after a signal"
[ "$(grep -c '^stage ' "$LOG")" = 1 ] || fail "no further stage after a signal"
echo "passed"

# A signal reaches this shell alone (hence B: above), and bash runs a trap only once a foreground command has ended: so
# every step runs in the background, is waited for, and is told.
step=
stopped=
forward() {
  stopped=yes
  [ -n "$step" ] && kill -USR1 "$step" 2>/dev/null
}
trap forward USR1 TERM

run_step() {
  "$@" </dev/null &
  step=$!
  # a signal that came between two steps is not lost either
  [ -n "$stopped" ] && kill -USR1 "$step" 2>/dev/null
  wait "$step"
  local code=$?
  # wait returns early when the trap ran; the step is still writing its checkpoint
  while kill -0 "$step" 2>/dev/null; do
    wait "$step"
    code=$?
  done
  step=
  return "$code"
}

# This element alone: one element has the array's own id, which to scontrol means all of them.
this_job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}

# What became of this job, for hullscope status and resume.
outcome=$folder/$round/outcome/$job.${SLURM_ARRAY_TASK_ID:-1}
note() { echo "$*" >>"$outcome"; }

# Stopped early, by the time limit or for a job that goes first: into the queue again, to go on from the checkpoints.
early() { [ "$1" = 75 ] || { [ -n "$stopped" ] && [ "$1" != 0 ] && [ "$1" != 2 ]; }; }
# Cancelled, by hullscope cancel (which leaves a word) or by scancel: not to come back. What Slurm ends itself, at the time
# limit or for a job that goes first, has a reason or a time of preemption.
cancelled() {
  [ -e "$folder/$round/cancelled" ] ||
    [[ $(scontrol show job -o "$this_job") =~ JobState=[A-Z,]*(CANCELLED|COMPLETING)[A-Z,]*\ Reason=None.*PreemptTime=None ]]
}
requeue() {
  if cancelled; then
    note cancelled "$SECONDS"
  elif [ "${SLURM_RESTART_COUNT:-0}" -ge @REQUEUES@ ]; then
    echo "hullscope: stopped early once more after @REQUEUES@ requeues; hullscope resume goes on" >&2
    note end 75 "$SECONDS"
  else
    note requeue "$SECONDS"
    scontrol requeue "$this_job"
  fi
  exit 75
}

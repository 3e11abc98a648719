#!/usr/bin/python3
"""What goes wrong for good, or needs more than it asked for; and an array of a hundred, on a real Slurm."""
import re
import stat

import h5py

from cluster import HERE, Cluster, scenarios
from studies import PROFILE, Study

TINY, SURVIVE = HERE / "tiny.toml", HERE / "survive.toml"

# In the place of hullscope on the nodes: notes when each of its tasks began and ended, and makes nothing.
PRETENDER = """#!/bin/bash
stage=$1 notes={notes}
[ "$stage" = report ] && echo "$(date +%s.%N) end report" >>"$notes"
while [ $# -gt 0 ]; do
  if [ "$1" = --task ]; then echo "$(date +%s.%N) start $2" >>"$notes"; tasks+=("$2"); fi
  shift
done
[ "$stage" = train ] && sleep 0.3
for task in "${{tasks[@]}}"; do echo "$(date +%s.%N) end $task" >>"$notes"; done
exit 0
"""


def hundred(cluster):
    """An array of 100 tasks, six at a time; small tasks packed; nothing begins before what it needs has ended."""
    notes, program = cluster.work / "notes", cluster.work / "pretender"
    program.write_text(PRETENDER.format(notes=notes))
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    profile = PROFILE.replace("running = 4", "running = 6") + f'[launch]\nprogram = "{program}"\n'
    profile += '[work]\ntarget = "00:01:00"\n'
    # So many epochs that no two trainings fit one job; the tasks of the other stages are seconds, and are packed.
    study = Study(cluster, "hundred", TINY, "train.trials=50", "train.epochs=1000000", profile=profile)
    study.submit()
    most = 0

    def look():
        nonlocal most
        running = [key for key, (state, _, _) in study.elements().items() if state == "RUNNING" and key[0] == "train"]
        most = max(most, len(running))
        return not study.alive()

    cluster.wait(300, "the hundred have ended", look)
    used = study.stage("train")["used"]
    assert used["source"] == "sacct" and used["elements"] == 100 and used["cpu_seconds"] > 0, used
    times = {}
    for line in notes.read_text().splitlines():
        time, what, task = line.split()
        times.setdefault((what, task), []).append(float(time))
    trained = [key for key in times if key[0] == "end" and key[1].endswith("/train")]
    assert len(trained) == 100 and all(len(times[key]) == 1 for key in trained), "each once"
    elements = [key for key in study.elements() if key[0] == "train"]
    assert len(elements) == 100 and 2 <= most <= 6, (len(elements), most)
    extracts = [key for key in study.elements() if key[0] == "extract"]
    assert 1 <= len(extracts) < 20, "packed"
    for (what, task), begun in times.items():
        trial = "/".join(task.split("/")[:2])
        needs = {"extract": f"{trial}/train", "encode": f"{trial}/extract"}.get(task.split("/")[-1])
        if what == "start" and needs:
            assert max(times["end", needs]) <= min(begun), f"{task} began before {needs} had ended"
    assert ("end", "report") in times, study.log("report")


def fails_always(cluster):
    """A task that cannot be done is tried as often as the profile says; all that does not need it is done, and the report
    is made of what is there and says what is missing and why."""
    study = Study(cluster, "fails always", TINY, "reduce.partial=true",
                  profile=PROFILE + "[work]\ntries = 2\nlag_seconds = 1\n")
    study.submit("--dry-run")
    # A file where the task's folder should be.
    obstacle = study.output / "toy-8" / "trial-00" / "latent-02"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    study.submit()
    study.wait()
    status = study.status()
    failed = {entry["task"]: entry for entry in status["failed"]}
    task = "toy-8/trial-00/latent-02/encode"
    assert task in failed, status
    assert failed[task]["tries"] == 2, failed
    assert any("latent-02" in line for line in failed[task]["last_lines"]), failed
    assert not status["complete"] and not status["in_queue"]
    stages = {stage["stage"]: stage for stage in status["stages"]}
    assert stages["train"]["done"] == 2 and stages["encode"]["done"] == 3 and stages["encode"]["failed"] == 1, stages
    assert (study.output / "toy-12" / "trial-00" / "latent-02" / "hull.h5").exists(), "independent tasks go on"
    assert "latent-02/hull" in str(status["never"]) or stages["hull"]["blocked"] >= 1, status
    with h5py.File(study.output / "results.h5") as results:
        assert list(results["network"].asstr()) == ["toy-12"] and results["accuracy/test"][0, 0] > 0
        assert task in list(results["missing/task"].asstr()), list(results["missing/task"].asstr())
    page = (study.output / "report" / "index.html").read_text()
    assert task in page and "latent-02" in failed[task]["reason"] and "What is missing, and why" in page, failed
    # The person mends it and says so.
    obstacle.unlink()
    study.verb("resume")
    study.wait()
    study.expect(study.run_here())
    study.expect_report()


def out_of_memory(cluster):
    """A job that runs out of memory is tried once more with more; if that is not enough either, it fails with words."""
    trains = "[work]\nlag_seconds = 1\n[stage.train]\nranks = 1\nmemory = "
    once = Study(cluster, "memory once", SURVIVE, "train.epochs=150", profile=PROFILE + trains + '"100M"\n')
    never = Study(cluster, "memory never", SURVIVE, "train.epochs=150", profile=PROFILE + trains + '"25M"\n')
    for study in (once, never):
        study.submit()
    cluster.wait(300, "the training was done with more memory",
                 lambda: (once.output / "toy-32" / "trial-00" / "network.h5").exists())
    asked = [job["request"]["megabytes"] for round_ in once.state()["rounds"] for job in round_["jobs"]
             if job["name"] == "train"]
    assert len(asked) == 2 and asked[1] >= 1.5 * asked[0], asked
    once.verb("cancel")
    never.wait()
    failed = {entry["task"]: entry for entry in never.status()["failed"]}["toy-32/trial-00/train"]
    assert failed["tries"] == 2 and "memory" in failed["reason"], failed
    once.wait(60)


def time_limit(cluster):
    """A training longer than any time limit goes on from one job to the next."""
    profile = PROFILE.replace('time = "00:30:00"', 'time = "00:01:00"') + "[work]\nwarning_seconds = 50\n"
    study = Study(cluster, "time limit", SURVIVE, "train.epochs=100000", profile=profile)
    study.submit()
    cluster.wait(120, "the training was resumed", lambda: study.resumed_after())
    job = study.job("train")
    assert cluster.details(job)["TimeLimit"] == "00:01:00"
    log = study.log("train")
    steps = study.resumed_after()[0]
    assert re.search(rf"stopped by a signal after {steps} of \d+ steps", log), log
    assert int(cluster.details(job)["Restarts"]) >= 1
    study.verb("cancel")
    study.wait(60)


def main():
    with Cluster(accounting=True) as cluster:
        scenarios([hundred, fails_always, out_of_memory, time_limit], cluster)


if __name__ == "__main__":
    main()

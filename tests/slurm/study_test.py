#!/usr/bin/python3
"""A study of two networks and two spaces on a real Slurm: submitted, followed, reported, extended, refused, cancelled.

Without a fault: those are in survive_test.py and failures_test.py.
"""
import os
import pathlib
import re
import tempfile

import h5py

from cluster import HERE, Cluster, scenarios
from studies import PROFILE, Study
from study_runs import HULLSCOPE, digests

TINY = HERE / "tiny.toml"


def two_at_once(cluster):
    """Two people type `hullscope submit` at the same moment: the work is done once, and equals that of one machine."""
    study = cluster.study = Study(cluster, "two at once", TINY)
    said = study.submit("--dry-run")
    assert not study.output.exists(), "a dry run writes nothing"
    assert "--dependency" in said and "#SBATCH" in said, said
    both = [cluster.start(*study.submit_words(), stdout=-1, stderr=-2) for _ in range(2)]
    texts = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert len(study.state()["rounds"]) == 1, texts
    names = list(study.ids().values())
    assert len(names) == len(set(names)), names
    submitted = {id_.partition("_")[0] for id_ in cluster.jobs()}
    assert submitted == set(study.ids()), "jobs that nobody knows of"
    screen = study.verb("status")
    for stage in ("train", "extract", "encode", "hull", "proximity", "reduce"):
        assert re.search(rf"^{stage}\b", screen, re.M), screen
    study.wait()
    study.expect(study.run_here())
    study.expect_report()
    status = study.status()
    assert status["complete"] and not status["in_queue"] and not status["failed"], status
    assert all(stage["done"] == stage["tasks"] for stage in status["stages"]), status


def used(cluster):
    """What was asked for and used, by Slurm's accounting, in status and in the report."""
    status = cluster.study.status()
    assert status["accounting"] == "ok", status["accounting"]
    for stage in status["stages"]:
        used = stage["used"]
        assert used["source"] == "sacct" and used["elements"] >= 1, used
        assert 0 < used["cpu_seconds"] < 4 * max(1, used["core_seconds"]), used
        assert 2**20 < used["peak_bytes"] < used["requested_bytes"], used
    screen = cluster.study.verb("status")
    assert re.search(r"train +time .* of 10 min 00 s at the longest, memory .* of .*, CPU \d+ %", screen), screen
    assert "What the jobs asked for and what they used" in (cluster.study.output / "report" / "index.html").read_text()


def nothing_to_do(cluster):
    """Submitted again when all is done: nothing is submitted, and it says so."""
    study, before = cluster.study, cluster.jobs()
    said = study.submit()
    assert cluster.jobs().keys() == before.keys(), said
    assert "done" in said, said
    study.verb("resume")
    assert cluster.jobs().keys() == before.keys()


def refused(cluster):
    """A changed option of a finished stage is refused before anything is submitted, unless --force-new asks for it."""
    study, before = cluster.study, cluster.jobs()
    study.submit("--set", "hull.eps=0.001", code=2)
    assert "--force-new" in cluster.error and "eps" in cluster.error, cluster.error
    assert cluster.jobs().keys() == before.keys()


def wrong_partition(cluster):
    """One job is refused: Slurm's own words, and those before it are cancelled."""
    study = Study(cluster, "wrong partition", TINY, profile=PROFILE + '[stage.hull]\npartition = "no such partition"\n')
    study.submit(code=1)
    assert "invalid partition specified: no such partition" in cluster.error, cluster.error
    assert "the 3 jobs before it have been cancelled" in cluster.error, cluster.error
    assert len(cluster.error.splitlines()) == 1, cluster.error
    study.wait(60)
    states = [state for state, _, _ in study.elements().values()]
    assert states == ["CANCELLED"] * 3, states


def wrong_account(cluster):
    """An account that Slurm's accounting does not know: refused in Slurm's own words, and nothing is submitted."""
    before = cluster.jobs()
    study = Study(cluster, "wrong account", TINY, profile=PROFILE.replace("[limits]", 'account = "nobodys"\n[limits]'))
    study.submit(code=1)
    assert "Invalid account or account/partition combination specified" in cluster.error, cluster.error
    assert len(cluster.error.splitlines()) == 1, cluster.error
    assert cluster.jobs().keys() == before.keys()


def unseen(cluster):
    """An output folder that is not on the nodes (each has a /dev/shm of its own): said in words, for every task."""
    study = Study(cluster, "unseen", TINY)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        study.output = pathlib.Path(folder) / "unseen"
        study.submit()
        study.wait(120)
        failed = study.status()["failed"]
        assert failed and all("output folder" in task["reason"] for task in failed), failed


def extended(cluster):
    """Two more trials and a dimension: only these run, and the study equals one that was asked for at once."""
    study = cluster.study
    old = {path: path.stat().st_mtime_ns for path in study.output.rglob("*.h5") if path.name != "results.h5"}
    study.overrides = ["--set", "train.trials=3", "--set", "encode.dimensions=[2, 3, 4]"]
    study.submit()
    study.wait()
    remade = [str(path) for path, time in old.items() if path.stat().st_mtime_ns != time
              and path.name != "proximity.h5"]  # which holds all latent spaces of its trial
    assert not remade, remade
    study.expect(study.run_here("reference extended"))
    study.expect_report()


def made_anew(cluster):
    """With --force-new what was made with other options is made again, and what does not depend on them stays."""
    study = cluster.study
    old = {path: path.stat().st_mtime_ns for path in study.output.rglob("*.h5")}
    study.overrides += ["--set", "hull.eps=0.001"]
    study.submit("--force-new")
    study.wait()
    again = {path.name for path, time in old.items() if path.stat().st_mtime_ns != time}
    assert again == {"hull.h5", "hull-neural.h5", "results.h5"}, again
    for path in [*study.output.rglob("hull.h5"), *study.output.rglob("hull-neural.h5")]:
        with h5py.File(path) as file:
            assert file.attrs["eps"] == 0.001, path
    assert study.status()["complete"], study.status()


def cancelled(cluster):
    """Submitted, cancelled while it runs, submitted again: ours alone are cancelled, and it goes on to the end."""
    study = Study(cluster, "cancelled", TINY)
    other = cluster.sbatch("--time=5", "--hold", "--wrap=true", "--output=/dev/null")
    study.submit()
    cluster.wait(120, "the training runs", lambda: study.running("train"))
    study.verb("cancel")
    study.wait(60)
    assert cluster.state(other) == "PENDING", "someone else's job was cancelled"
    assert not study.status()["complete"]
    study.submit()
    study.wait()
    study.expect(digests(cluster.work / "reference"))
    cluster.run("scancel", other)


def one_element(cluster):
    """An element of a job array is told to stop: it alone comes back. Another is ended by scancel: it does not, and the last
    job does not submit it again. (The last element of an array has the array's own id.)"""
    study = Study(cluster, "one element", TINY, "train.epochs=200000", profile=PROFILE + '[work]\ntarget = "00:00:01"\n')
    study.submit()
    train = lambda element: " epochs (" in study.log(f"train-{element}")
    job = cluster.wait(120, "both elements train", lambda: train(1) and train(2) and study.job("train"))
    cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_2")
    restarts = lambda: [cluster.details(f"{job}_{element}")["Restarts"] for element in (1, 2)]
    cluster.wait(60, "the second element is requeued", lambda: restarts() == ["0", "1"])
    cluster.run("scancel", f"{job}_1")
    cluster.wait(60, "the first element has ended", lambda: study.elements()["train", 1][0] == "CANCELLED")
    assert "stopped by a signal after" in study.log("train-1"), "its checkpoint is written"
    cluster.run("scancel", f"{job}_2")
    study.wait(120)
    assert restarts() == ["0", "1"] and len(study.state()["rounds"]) == 1, study.state()
    reasons = {task["task"]: task["reason"] for task in study.status()["failed"]}
    assert {reasons[f"toy-{width}/trial-00/train"] for width in (8, 12)} == {"cancelled by the user"}, reasons


def main():
    with Cluster(accounting=True, options=["AccountingStorageEnforce=associations"]) as cluster:
        assert os.access(HULLSCOPE, os.X_OK)
        scenarios([two_at_once, used, nothing_to_do, refused, wrong_partition, wrong_account, unseen, extended, made_anew,
                   cancelled, one_element], cluster)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""One study on two nodes of a real Slurm, struck again and again while it trains and while it tests hulls.

After each blow it goes on by itself, having lost at most an epoch or the shards in hand, and in the end its files are
those of a quiet run on one machine.
"""
import json

from cluster import HERE, Cluster, scenarios
from studies import PROFILE, Study

STEPS_AN_EPOCH = 157  # of survive.toml: 20,000 samples in batches of 128
PROFILE_OF_TWO_NODES = PROFILE + """nodes = 2
[work]
warning_seconds = 20
[stage.hull]
ranks = 2
nodes = 2
"""


def restarts(cluster, job):
    return int(cluster.details(job)["Restarts"])


def epochs_done(study):
    """As progress.json has it; 0 if it is not the training's, or not there."""
    try:
        progress = json.loads((study.output / "progress.json").read_text())
    except (OSError, ValueError):
        return 0
    return progress["done"] if progress.get("stage") == "train" else 0


def in_training(cluster, more=15):
    """Waits until the training has gone on for some epochs; returns its job, node and how many epochs are done."""
    study = cluster.study
    cluster.wait(120, "the training runs", lambda: study.running("train"))
    first = epochs_done(study)
    epochs = cluster.wait(120, "the training goes on", lambda: epochs_done(study) >= first + more and epochs_done(study))
    assert study.running("train"), "the training ended before it could be struck: raise train.epochs in survive.toml"
    return study.job("train"), study.running("train"), epochs


def resumed(cluster, times):
    """Waits until the training was resumed so often; returns after how many steps it was the last time."""
    return cluster.wait(120, f"the training was resumed {times} times",
                        lambda: len(cluster.study.resumed_after()) >= times and cluster.study.resumed_after())[-1]


def preempted(cluster):
    """A job of a partition of higher priority needs the nodes: the training checkpoints, makes room, and goes on."""
    job, _, epochs = in_training(cluster)
    urgent = cluster.sbatch("--partition=urgent", "--nodes=2", "--exclusive", "--time=1", "--wrap=sleep 1",
                            "--output=/dev/null")
    cluster.wait_for_end(urgent, 120)
    steps = resumed(cluster, 1)
    assert f"stopped by a signal after {steps} of " in cluster.study.log("train"), "not one step is lost"
    assert steps >= epochs * STEPS_AN_EPOCH and restarts(cluster, job) == 1


def told_to_stop(cluster):
    """USR1 to the job, as Slurm sends it before the time limit: the same."""
    job, _, _ = in_training(cluster)
    cluster.run("scancel", "--batch", "--signal=USR1", job)
    steps = resumed(cluster, 2)
    assert f"stopped by a signal after {steps} of " in cluster.study.log("train"), "not one step is lost"
    assert restarts(cluster, job) == 2


def node_crashes_in_training(cluster):
    """The node loses its power: the job runs again on another one, and at most an epoch is lost."""
    job, node, epochs = in_training(cluster)
    cluster.crashed = {node, "node2"}  # node2: in the hull stage
    cluster.do("crash-node", node)
    steps = resumed(cluster, 3)
    cluster.do("start-node", node)
    assert steps >= (epochs - 1) * STEPS_AN_EPOCH, f"{epochs} epochs were done, it went on after {steps} steps"
    assert restarts(cluster, job) == 3


def controller_crashes(cluster):
    """slurmctld is killed and started again: the job does not notice."""
    job, _, _ = in_training(cluster, more=3)
    cluster.do("restart-ctld", "-9")
    assert cluster.study.state()["rounds"][-1]["jobs"], "the record stands"
    cluster.wait(120, "the training has ended", lambda: cluster.state(job) == "COMPLETED")
    assert restarts(cluster, job) == 3


def shards(study):
    folder = study.output / "toy-32" / "trial-00" / "hull-neural.h5.parts"
    try:
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.h5")}
    except FileNotFoundError:  # the stage has just ended and removes them
        return {}


def in_hull(cluster, more=10):
    """Waits until some shards were made; returns the job and its shards."""
    study = cluster.study
    cluster.wait(120, "the hull stage runs", lambda: study.running("hull"))
    first = len(shards(study))
    cluster.wait(120, "shards are made", lambda: len(shards(study)) >= first + more)
    return study.job("hull"), shards(study)


def kept(cluster, before, what):
    """The shards that stood before the blow are used, not made again."""
    changed = [name for name, time in shards(cluster.study).items() if before.get(name, time) != time]
    assert not changed and shards(cluster.study).keys() >= before.keys(), f"{what}: {changed} were made again"


def node_crashes_in_hull(cluster):
    """One of the two nodes of the hull stage loses its power: the job runs again, with the shards that there are."""
    job, before = in_hull(cluster)
    cluster.do("crash-node", "node2")
    cluster.wait(120, "the job is requeued", lambda: restarts(cluster, job) >= 1)
    cluster.do("start-node", "node2")
    cluster.wait(120, "the hull stage runs again", lambda: cluster.study.running("hull"))
    kept(cluster, before, "after the crash")


def slurmd_dies_in_hull(cluster):
    """slurmd alone dies, so that Slurm gives the node up while the ranks there live on, beside those that replace them."""
    job, before = in_hull(cluster)
    again = restarts(cluster, job) + 1
    cluster.run("scancel", "--signal=STOP", f"{job}.0")  # else a fast machine ends the stage before Slurm notices
    cluster.do("kill-slurmd", "node2")
    cluster.wait(120, "the job is requeued", lambda: restarts(cluster, job) >= again)
    cluster.run("pkill", "-CONT", "--full", str(cluster.study.output), code=None)  # the ranks of node2 live on
    cluster.do("start-node", "node2")
    cluster.study.wait()
    assert "running" not in {state.lower() for state, _, _ in cluster.study.elements().values()}
    assert before, "there were shards"


def equal(cluster):
    """In the end nothing is lost, torn or different."""
    cluster.study.wait()
    cluster.study.expect(cluster.expected, cluster.crashed)
    cluster.study.expect_report()
    failed = cluster.study.status()["failed"]
    assert not failed, failed


def main():
    with Cluster() as cluster:
        cluster.study = Study(cluster, "struck", HERE / "survive.toml", profile=PROFILE_OF_TWO_NODES)
        cluster.expected = cluster.study.run_here()
        cluster.study.submit()
        scenarios([preempted, told_to_stop, node_crashes_in_training, controller_crashes, node_crashes_in_hull,
                   slurmd_dies_in_hull, equal], cluster)


if __name__ == "__main__":
    main()

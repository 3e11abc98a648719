#!/usr/bin/python3
"""A storm of failures on the test cluster: one study, struck by preemptions and losses of nodes at random points of its
training and of its hull stage, beside the same study left alone.

    HULLSCOPE=build/dev/bin/hullscope HULLSCOPE_SOURCE_DIR=$PWD benchmarks/batch/storm.py [--blows 50] [--epochs 1500] [--test 4000] [--seed N]

Prints what was struck, files torn (found damaged at any time), results lost (there once, then gone) or different from
those of the quiet study, how often `hullscope resume` was typed (Slurm holds a job that it has started again too often), and
what the blows cost, in two ways:

- work lost, directly: a program that is told to stop keeps all that it has done and says so in its log, so these are counted;
  one whose node is lost has worked in vain since it published its last checkpoint or shard, or since it was started. The
  node's end lies between the call and the return of `crash-node`, so that the sum has a least and a most.
- for each stage the CPU seconds of its programs in the quiet and in the struck study, as /proc tells them five times a
  second, and how often a program was started. What the struck study needed more is divided into programs that were started
  again (their number times the CPU time of one that finds nothing to do) and the rest: work lost, reading what there is,
  and whatever else a busy machine adds.

Needs what tests/slurm/cluster.sh needs.
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"]) / "tests" / "slurm"))
from cluster import HERE, Cluster  # noqa: E402
from studies import PROFILE, Study  # noqa: E402
from study_runs import HULLSCOPE, artifacts, differences, digests  # noqa: E402

STAGES = ("train", "extract", "encode", "hull", "proximity", "reduce")
PROGRAMS = pathlib.Path(HULLSCOPE).resolve().parent.parent / "libexec" / "hullscope"
TICK = os.sysconf("SC_CLK_TCK")


class Meter(threading.Thread):
    """CPU seconds of every process of a stage program while it runs: {(pid, start): (stage, seconds)}. What a process does in
    its last fifth of a second is not seen. Children of stage programs (they try files that may crash the reader) count as
    work, not as starts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ends, self.foreign, self.children = {}, threading.Event(), set(), set()

    def look(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    name, _, rest = file.read().partition(") ")
                stage, fields = name.partition("(")[2], rest.split()
                key = (pid, fields[19])
                if stage not in STAGES or key in self.foreign:
                    continue
                if key not in self.seen and pathlib.Path(os.readlink(f"/proc/{pid}/exe")).parent != PROGRAMS:
                    self.foreign.add(key)
                    continue
                if key not in self.seen and any(pid == fields[1] for pid, _ in self.seen):
                    self.children.add(key)
                self.seen[key] = stage, (int(fields[11]) + int(fields[12])) / TICK
            except (OSError, IndexError, ValueError):
                continue  # it has just ended

    def run(self):
        while not self.ends.wait(0.2):
            self.look()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()

    def newest_start(self):
        """When the stage program that was started last was started, as time.time() has it; 0 if none was."""
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return max((boot + int(start) / TICK for pid, start in set(self.seen) - self.children), default=0)

    def cpu(self, stage):
        return sum(seconds for name, seconds in self.seen.values() if name == stage)

    def starts(self, stage):
        return sum(name == stage and key not in self.children for key, (name, _) in self.seen.items())


def idle_cpu(study, stage):
    """CPU seconds of a stage program that finds all its tasks done."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROGRAMS / stage, study.output / "study.toml", "--output", study.output], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=study.cluster.work)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def kept(study):
    """When the newest checkpoint or shard was published; 0 if there is none."""
    newest = 0
    for path in [*study.output.rglob("*.checkpoint"), *study.output.rglob("*.parts/*.h5")]:
        try:
            newest = max(newest, path.stat().st_mtime)
        except FileNotFoundError:  # its stage has just ended
            continue
    return newest


def strike(study, randomness, meter):
    """One blow; returns its name, and the least and the most seconds of work that it undid. A node that is lost is one that
    works for the study, if any does, and is up again afterwards."""
    cluster = study.cluster
    if randomness.random() < 0.5:
        job = cluster.sbatch("--partition=urgent", "--nodes=2", "--exclusive", "--time=1", "--wrap=true",
                             "--output=/dev/null")
        cluster.wait_for_end(job, 300)
        return "preemption", (0, 0)
    working = {node for state, _, node in study.elements().values() if state == "RUNNING" and node in cluster.nodes}
    node = randomness.choice(sorted(working) or cluster.nodes)
    began = time.time()
    cluster.do("crash-node", node)
    ended, last = time.time(), max(kept(study), meter.newest_start())
    time.sleep(randomness.uniform(0, 8))  # shorter and longer than SlurmdTimeout
    cluster.do("start-node", node)
    return "node lost", (max(0, began - last), ended - last) if last else (0, 0)


def damaged(study):
    """Files under their final names that `hullscope check` does not call whole."""
    files = [str(path) for path in artifacts(study.output).values()]
    if not files:
        return []
    done = subprocess.run([HULLSCOPE, "check", *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return [] if done.returncode == 0 else [done.stdout]


def resume_held(study):
    """What its user does when status says that Slurm holds a job: 1 if so, else 0."""
    held = ("REQUEUE_HOLD", "JobHoldMaxRequeue")
    if not any(state in held or reason in held for state, reason, _ in study.elements().values()):
        return 0
    assert "hullscope resume" in study.verb("status"), "status says what to do"
    study.verb("resume")
    return 1


def due(study, points, since):
    """The stage that has run again since the last blow and has come to its next point; None if there is none."""
    try:
        path = study.output / "progress.json"
        progress = json.loads(path.read_text())
        fresh = path.stat().st_mtime > since
    except (OSError, ValueError):
        return None
    stage = progress["stage"]
    if not fresh or progress["state"] != "running" or not points.get(stage):
        return None
    return stage if progress["done"] >= points[stage][0] * progress["total"] and study.running(stage) else None


def struck(study, blows, randomness, meter):
    """Strikes the study at random points of its training and of its hull stage, half of the blows each, and waits for its
    end; returns ({kind: number}, torn files, lost results, resumes, [least and most seconds of work undone])."""
    points = {stage: sorted(randomness.uniform(0.01, 0.9) for _ in range(number))
              for stage, number in (("train", blows // 2), ("hull", blows - blows // 2))}
    given, torn, lost, resumed, seen, since, end = {}, 0, 0, 0, set(), 0, time.monotonic() + 3600
    undone = [0, 0]
    while study.alive() and time.monotonic() < end:
        resumed += resume_held(study)
        stage = due(study, points, since)
        if stage is None:
            time.sleep(0.2)
            continue
        points[stage].pop(0)
        kind, seconds = strike(study, randomness, meter)
        undone = [sum(pair) for pair in zip(undone, seconds)]
        since = time.time()
        given[stage, kind] = given.get((stage, kind), 0) + 1
        print(f"blow {sum(given.values())}: {kind} during {stage}, undid {seconds[0]:.2f} to {seconds[1]:.2f} s", flush=True)
        torn += len(damaged(study))
        there = set(artifacts(study.output))
        lost += len(seen - there)
        seen |= there
    return given, torn, lost, resumed, undone


def costs(study, quiet, storm, undone):
    """What the blows cost: a line a stage, and the sums."""
    print(f"{'CPU seconds':<12} {'quiet':>8} {'struck':>8} {'started':>8} {'again':>8} {'rest':>8}")
    whole = more_work = 0
    for stage in STAGES:
        more = max(0, storm.starts(stage) - quiet.starts(stage))
        again = more * idle_cpu(study, stage) if more else 0
        rest = storm.cpu(stage) - quiet.cpu(stage) - again
        print(f"{stage:<12} {quiet.cpu(stage):8.1f} {storm.cpu(stage):8.1f} {storm.starts(stage):8} {again:8.1f} {rest:8.1f}")
        whole, more_work = whole + quiet.cpu(stage), more_work + rest
    print(f"more CPU time than quiet, without starts: {more_work:.1f} s of {whole:.1f} s, {100 * more_work / whole:.1f} %")
    stopped = sum(len(re.findall("stopped by a signal", study.log(name))) for name in ("train", "hull"))
    print(f"work lost: {undone[0]:.1f} to {undone[1]:.1f} s of {whole:.1f} s, {100 * undone[0] / whole:.1f} to "
          f"{100 * undone[1] / whole:.1f} %; programs that stopped when told, with all that they had done: {stopped}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blows", type=int, default=50)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1500)
    parser.add_argument("--test", type=int, default=4000, help="test points a class")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    # one rank: waiting ranks would spin, and their time is no work
    profile = PROFILE.replace("cores = 2", "cores = 1").replace("running = 4", "running = 1")
    profile += "[work]\nwarning_seconds = 20\n"
    data = f"data.set=gaussian-classes?dimension=3&per_class_train=2000&per_class_test={options.test}"
    with Cluster(memory=4096) as cluster:
        studies = [Study(cluster, name, HERE / "survive.toml", f"train.trials={options.trials}", data,
                         f"train.epochs={options.epochs}", profile=profile) for name in ("quiet", "storm")]
        with Meter() as quiet:
            studies[0].submit()
            studies[0].wait(3600)
        study = studies[1]
        with Meter() as storm:
            study.submit()
            blows, torn, lost, resumed, undone = struck(study, options.blows, randomness, storm)
        expected, found = digests(studies[0].output), digests(study.output)
        print(f"blows: {sum(blows.values())}, {blows}; torn files: {torn}; lost results: {lost}; different from the quiet study: "
              f"{len(differences(found, expected))} of {len(expected)}")
        status = study.status()
        print(f"complete: {status['complete']}, rounds: {len(study.state()['rounds'])}, resumed by hand: {resumed}")
        costs(study, quiet, storm, undone)
    sys.exit(0 if status["complete"] and torn == lost == 0 and found == expected else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A storm of failures on the test cluster: one study, struck by random preemptions and losses of nodes until it is done,
beside the same study left alone.

    HULLSCOPE=build/dev/bin/hullscope HULLSCOPE_SOURCE_DIR=$PWD benchmarks/batch/storm.py [--blows 50] [--trials 3] [--seed N]

Prints what was struck, files torn (found damaged at any time), results lost (there once, then gone) or different from
those of the quiet study, and what the blows cost: the CPU time of all stage programs of the struck study against the quiet
one's, as /proc tells it five times a second, divided into programs that were started once more (their number times the CPU
time of such a program that finds nothing to do) and the rest, which is work done twice. Needs what tests/slurm/cluster.sh
needs.
"""
import argparse
import os
import pathlib
import random
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
    its last fifth of a second is not seen."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ends, self.foreign = {}, threading.Event(), set()

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

    def cpu(self):
        return sum(seconds for _, seconds in self.seen.values())

    def starts(self, stage):
        return sum(name == stage for name, _ in self.seen.values())


def idle_cpu(study, stage):
    """CPU seconds of a stage program that finds all its tasks done."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROGRAMS / stage, study.output / "study.toml", "--output", study.output], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=study.cluster.work)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def strike(study, randomness):
    """One blow; returns its name. A node that is lost is one that works for the study, if any does, and is up again
    afterwards."""
    cluster = study.cluster
    if randomness.random() < 0.5:
        job = cluster.sbatch("--partition=urgent", "--nodes=2", "--exclusive", "--time=1", "--wrap=true",
                             "--output=/dev/null")
        cluster.wait_for_end(job, 300)
        return "preemption"
    working = {node for state, _, node in study.elements().values() if state == "RUNNING" and node in cluster.nodes}
    node = randomness.choice(sorted(working) or cluster.nodes)
    cluster.do("crash-node", node)
    time.sleep(randomness.uniform(0, 8))  # shorter and longer than SlurmdTimeout
    cluster.do("start-node", node)
    return "node lost"


def damaged(study):
    """Files under their final names that `hullscope check` does not call whole."""
    files = [str(path) for path in artifacts(study.output).values()]
    if not files:
        return []
    done = subprocess.run([HULLSCOPE, "check", *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return [] if done.returncode == 0 else [done.stdout]


def struck(study, blows, randomness):
    """Strikes the study until it is done or has had all blows; returns ({kind: number}, torn files, lost results)."""
    given, torn, lost, seen = {}, 0, 0, set()
    while study.alive() and sum(given.values()) < blows:
        time.sleep(randomness.uniform(1, 12))
        kind = strike(study, randomness)
        given[kind] = given.get(kind, 0) + 1
        torn += len(damaged(study))
        there = set(artifacts(study.output))
        lost += len(seen - there)
        seen |= there
    study.wait(3600)
    return given, torn, lost


def costs(study, quiet, storm):
    """What the blows cost, in words."""
    again = {stage: storm.starts(stage) - quiet.starts(stage) for stage in STAGES}
    starting = sum(number * idle_cpu(study, stage) for stage, number in again.items() if number > 0)
    more = storm.cpu() - quiet.cpu()
    twice = more - starting
    return (f"CPU seconds of all stage programs: {quiet.cpu():.1f} quiet, {storm.cpu():.1f} struck; programs started once more: "
            f"{ {stage: number for stage, number in again.items() if number} }, {starting:.1f} s; work done twice: {twice:.1f} s, "
            f"{100 * twice / quiet.cpu():.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blows", type=int, default=50)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    # a rank a processor of this machine: waiting ranks would spin, and their time is no work
    profile = PROFILE.replace("cores = 4", f"cores = {min(4, os.cpu_count())}").replace("running = 4", "running = 1")
    profile += "[work]\nwarning_seconds = 20\n"
    data = "data.set=gaussian-classes?dimension=3&per_class_train=2000&per_class_test=1000"
    with Cluster(memory=4096) as cluster:
        studies = [Study(cluster, name, HERE / "survive.toml", f"train.trials={options.trials}", data,
                         f"train.epochs={options.epochs}", profile=profile) for name in ("quiet", "storm")]
        with Meter() as quiet:
            studies[0].submit()
            studies[0].wait(3600)
        print(f"quiet: {quiet.cpu():.0f} CPU seconds", flush=True)
        study = studies[1]
        with Meter() as storm:
            study.submit()
            blows, torn, lost = struck(study, options.blows, randomness)
        expected, found = digests(studies[0].output), digests(study.output)
        print(f"blows: {blows}; torn files: {torn}; lost results: {lost}; different from the quiet study: "
              f"{len(differences(found, expected))} of {len(expected)}")
        status = study.status()
        print(f"complete: {status['complete']}, rounds: {len(study.state()['rounds'])}")
        print(costs(study, quiet, storm))
        sys.exit(0 if status["complete"] and torn == lost == 0 and found == expected else 1)


if __name__ == "__main__":
    main()

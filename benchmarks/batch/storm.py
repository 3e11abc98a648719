#!/usr/bin/python3
"""A storm of failures on the test cluster: one study, struck by random preemptions and losses of nodes until it is done.

    HULLSCOPE=build/dev/bin/hullscope HULLSCOPE_SOURCE_DIR=$PWD benchmarks/batch/storm.py [--blows 50] [--seed N]

Prints what was struck, files torn (found damaged at any time), results lost (there once, then gone) or different from
those of a quiet run on one machine. The share of work that is done twice it does not measure. Needs what tests/slurm/cluster.sh needs.
"""
import argparse
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"]) / "tests" / "slurm"))
from cluster import HERE, Cluster  # noqa: E402
from studies import PROFILE, Study  # noqa: E402
from study_runs import HULLSCOPE, artifacts, differences, digests  # noqa: E402


def strike(cluster, randomness):
    """One blow; returns its name. The node is up again afterwards."""
    if randomness.random() < 0.5:
        job = cluster.sbatch("--partition=urgent", "--nodes=2", "--exclusive", "--time=1", "--wrap=true",
                             "--output=/dev/null")
        cluster.wait_for_end(job, 300)
        return "preemption"
    node = randomness.choice(cluster.nodes)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blows", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    with Cluster(memory=4096) as cluster:
        study = Study(cluster, "storm", HERE / "survive.toml", "train.trials=4", "train.epochs=3000",
                      "hull.shard=20", profile=PROFILE + "[work]\nwarning_seconds = 20\n")
        expected = study.run_here()
        study.submit()
        blows, torn, lost, seen = {}, 0, 0, set()
        while study.alive() and sum(blows.values()) < options.blows:
            time.sleep(randomness.uniform(1, 12))
            kind = strike(cluster, randomness)
            blows[kind] = blows.get(kind, 0) + 1
            torn += len(damaged(study))
            there = set(artifacts(study.output))
            lost += len(seen - there)
            seen |= there
        study.wait(3600)
        found = digests(study.output)
        print(f"blows: {blows}; torn files: {torn}; lost results: {lost}; different from a quiet run: "
              f"{len(differences(found, expected))} of {len(expected)}")
        status = study.status()
        print(f"complete: {status['complete']}, rounds: {len(study.state()['rounds'])}")
        sys.exit(0 if status["complete"] and torn == lost == 0 and found == expected else 1)


if __name__ == "__main__":
    main()

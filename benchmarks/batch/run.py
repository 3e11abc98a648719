#!/usr/bin/python3
"""What planning, submitting and following cost, without a cluster: Slurm's commands are pretended (tests/batch).

    HULLSCOPE=build/release/bin/hullscope benchmarks/batch/run.py

Prints a table: wall and CPU seconds, peak memory of the largest process, jobs (a real sbatch adds its own time per script);
and what a packed task costs beside its work: the stage programs, on one rank and on two, on 101 tasks of next to no work
against those on one task.
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HULLSCOPE = os.environ.get("HULLSCOPE", os.path.join(SOURCE, "build", "release", "bin", "hullscope"))
FAKE = os.path.join(SOURCE, "tests", "batch", "fake_slurm.py")

STUDY = """
name = "{name}"
[data]
set = "gaussian-classes?dimension=16&per_class_train=600&per_class_test=100"
[train]
trials = {trials}
[encode]
dimensions = {dimensions}
[proximity]
spaces = ["neural", "latent"]
"""
NETWORK = '[[network]]\nname = "net-{:03d}"\nlayers = ["dense 256", "relu", "dense 128", "relu"]\n'


def study(folder, name, networks, trials, dimensions):
    path = os.path.join(folder, name + ".toml")
    with open(path, "w") as file:
        file.write(STUDY.format(name=name, trials=trials, dimensions=dimensions))
        file.writelines(NETWORK.format(i) for i in range(networks))
    return path


def run(environment, *words):
    """(what it printed, wall, CPU) of one command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([HULLSCOPE, *words], env=environment, text=True, stdout=subprocess.PIPE)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{words} left with {done.returncode}")
    return done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


LEAST = """
name = "least"
[data]
set = "gaussian-classes?dimension=3&per_class_train=4&per_class_test=2"
[train]
trials = {trials}
epochs = 1
[encode]
dimensions = [1]
hidden = [2]
epochs = 1
[proximity]
spaces = ["neural"]
[[network]]
name = "least"
layers = ["dense 2", "relu"]
"""


def packed(folder, ranks, count=101):
    """{stage: (wall, CPU) seconds a task} of tasks that have next to no work, in one program; the CPU of all ranks."""
    costs = {}
    environment = {**os.environ, "HULLSCOPE_LOG": "warning"}
    for trials in (1, count):
        path = os.path.join(folder, f"least-{trials}.toml")
        with open(path, "w") as file:
            file.write(LEAST.format(trials=trials))
        for stage in ("train", "extract", "encode", "hull", "proximity"):
            cost = run(environment, stage, path, "--output", f"{folder}/least-{trials}-{ranks}", "--ranks", str(ranks))[1:]
            if trials == 1:
                costs[stage] = cost
            else:
                costs[stage] = tuple((many - one) / (count - 1) for many, one in zip(cost, costs[stage]))
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-packed", action="store_true", help="without the stage programs (a build without LibTorch)")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="hullscope-batch-")
    try:
        os.makedirs(folder + "/bin")
        os.makedirs(folder + "/slurm")
        for name in ["sbatch", "squeue", "sacct", "scancel", "scontrol", "srun"]:
            os.symlink(FAKE, f"{folder}/bin/{name}")
        environment = dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}", FAKE_SLURM=folder + "/slurm")
        # 60 networks x (train, extract, 2 x (encode, hull), proximity) = 420, and 60 more hulls: spaces neural and latent
        small = study(folder, "plan-480", 60, 1, [2, 4])
        more = ["--set", "hull.spaces=neural,latent"]
        rows = []
        said, *cost = run(environment, "submit", small, "--output", folder + "/out", *more)
        rows.append(("481 tasks: planned, rendered, submitted", *cost, said.split("submitted ")[1].split(" ")[0]))
        _, *cost = run(environment, "status", folder + "/out")
        rows.append(("status of it", *cost, ""))
        _, *cost = run(environment, "submit", small, "--output", folder + "/out", *more)
        rows.append(("submitted again: nothing", *cost, ""))
        large = study(folder, "plan-100k", 60, 104, [1, 2, 3, 4, 6, 8, 12])
        said, *cost = run(environment, "submit", large, "--output", folder + "/large", *more, "--dry-run")
        jobs = next(word for line in said.splitlines() if "would be submitted" in line
                    for word in [line.split(" in the queue; ")[1].split(" ")[0]])
        rows.append(("112,321 tasks: planned and rendered", *cost, jobs))
        print(f"{'':<42} {'wall':>8} {'CPU':>8} {'jobs':>6}")
        for name, wall, cpu, jobs in rows:
            print(f"{name:<42} {wall:>6.2f} s {cpu:>6.2f} s {jobs:>6}")
        print(f"peak memory of the largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
        if not options.no_packed:
            for ranks in (1, 2):
                print(f"{f'a packed task, ranks: {ranks}':<42} {'wall':>8} {'CPU':>8}")
                for stage, (wall, cpu) in packed(folder, ranks).items():
                    print(f"{stage:<42} {1000 * wall:>5.1f} ms {1000 * cpu:>5.1f} ms")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

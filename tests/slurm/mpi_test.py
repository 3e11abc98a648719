#!/usr/bin/python3
"""MPI over two nodes of a real Slurm, 2 x 2 ranks, by srun and by mpirun: a study's files are those of one machine.

Slurm's PMIx fences are left at their defaults, as users' clusters have them: first their bug is shown, and its cure.
"""
import os
import pathlib
import shlex

from cluster import HERE, Cluster, scenarios
from study_runs import HULLSCOPE, SOURCE, differences, digests

import h5py

STUDY = HERE / "tiny.toml"
# All four ranks train one network together, so that gradients are summed across the nodes.
TOGETHER = ["--set", "train.ranks_per_task=4"]


def script(cluster, name, *lines):
    path = cluster.work / f"{name}.sh"
    path.write_text("\n".join(["#!/bin/bash", f"#SBATCH --output={cluster.work}/{name}.log", *lines, ""]))
    return path


def left_early(cluster, name, setting):
    fences = 40
    words = ["timeout", 60, "srun", "--mpi=pmix", "--nodes=2", "--ntasks=4", "--time=2", "--kill-on-bad-exit=1",
             os.environ["HULLSCOPE_BINARY_DIR"] + "/tests/fence_counter", cluster.work / name, fences]
    said = cluster.run(*words, env={"SLURM_PMIX_FENCE": setting} if setting else None, timeout=90)
    words = said.split()
    assert words[:2] == ["left", "early:"] and words[-1] == str(fences), said
    return int(words[2])


def fences(cluster):
    """A fence of Slurm's own default is left before all ranks are there; with the setting of our job scripts none is."""
    default, ring = left_early(cluster, "default", None), left_early(cluster, "ring", "ring")
    print(f"    fences left early: {default} of 40 by default, {ring} with SLURM_PMIX_FENCE=ring")
    assert ring == 0
    assert default > 0, "Slurm's bug is gone: SLURM_PMIX_FENCE=ring can leave the job scripts"
    text = (SOURCE / "slurm" / "study.sbatch").read_text()
    assert "\nexport SLURM_PMIX_FENCE=ring\n" in text


def hosts_of(path):
    with h5py.File(path) as file:
        return file["run"].attrs["hosts"]


def compare(cluster, output):
    found, expected = digests(output), cluster.expected
    assert found == expected, differences(found, expected)
    for name in ("toy-8/trial-00/network.h5", "toy-8/trial-00/hull-neural.h5"):
        hosts = str(hosts_of(pathlib.Path(output) / name))
        assert "node1" in hosts and "node2" in hosts, f"{name} was made by {hosts}"


def by_srun(cluster):
    """study.sbatch on two nodes: the training of a network and the queries of a hull are split over them."""
    output = cluster.work / "by srun"
    job = cluster.sbatch("--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--time=5",
                         f"--output={cluster.work}/srun.log", SOURCE / "slurm" / "study.sbatch", STUDY, "--output",
                         output, *TOGETHER, env={"HULLSCOPE": HULLSCOPE})
    cluster.wait_for_end(job, 300)
    compare(cluster, output)


def by_mpirun(cluster):
    """`hullscope run` in an allocation of two nodes starts mpirun, which finds both."""
    output = cluster.work / "by mpirun"
    words = [HULLSCOPE, "run", str(STUDY), "--output", str(output), "--stages",
             "train,extract,encode,hull,proximity,reduce", *TOGETHER]
    job = cluster.sbatch("--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--time=5",
                         script(cluster, "mpirun", shlex.join(words)))
    cluster.wait_for_end(job, 300)
    compare(cluster, output)


def main():
    with Cluster() as cluster:
        reference = cluster.work / "reference"
        cluster.run(HULLSCOPE, "run", STUDY, "--output", reference, "--ranks", 4, "--stages",
                    "train,extract,encode,hull,proximity,reduce", *TOGETHER, timeout=300)
        cluster.expected = digests(reference)
        assert len(cluster.expected) == 17, sorted(cluster.expected)
        scenarios([fences, by_srun, by_mpirun], cluster)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""MPI over two nodes of a real Slurm, 2 x 2 ranks, by srun and by mpirun: a study's files are those of one machine, and one
hull whose points are split over the nodes has the verdicts of the batched engine.

Slurm's PMIx fences are left at their defaults, as users' clusters have them: first their bug is shown, and its cure.
"""
import os
import pathlib
import shlex

from cluster import HERE, Cluster, scenarios
from studies import PROFILE, Study
from study_runs import HULLSCOPE, SOURCE, differences, digests

import h5py
import numpy as np

STUDY, SPREAD = HERE / "tiny.toml", HERE / "spread.toml"
# All four ranks train one network together, so that gradients are summed across the nodes.
TOGETHER = "train.ranks_per_task=4"
TWO_NODES = PROFILE + "nodes = 2\n" + "".join(
    f"[stage.{stage}]\nranks = 4\nnodes = 2\n" for stage in ("train", "extract", "encode", "hull", "proximity"))
ON_TWO_NODES = ["--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--time=5"]


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
    for template in ("stage.sbatch", "report.sbatch"):
        assert "\nexport SLURM_PMIX_FENCE=ring" in (SOURCE / "slurm" / "templates" / template).read_text()


def made_on_both(path):
    with h5py.File(path) as file:
        hosts = str(file["run"].attrs["hosts"])
    assert "node1" in hosts and "node2" in hosts, f"{path} was made by {hosts}"


def compare(cluster, output):
    found, expected = digests(output), cluster.expected
    assert found == expected, differences(found, expected)
    for name in ("toy-8/trial-00/network.h5", "toy-8/trial-00/hull-neural.h5"):
        made_on_both(pathlib.Path(output) / name)


def by_srun(cluster):
    """Submitted, every stage on two nodes by srun: the training of a network and the queries of a hull are split."""
    study = Study(cluster, "by srun", STUDY, TOGETHER, profile=TWO_NODES)
    study.submit()
    study.wait()
    compare(cluster, study.output)


def by_mpirun(cluster):
    """`hullscope run` in an allocation of two nodes starts mpirun, which finds both."""
    output = cluster.work / "by mpirun"
    words = [HULLSCOPE, "run", str(STUDY), "--output", str(output), "--stages",
             "train,extract,encode,hull,proximity,reduce", "--set", TOGETHER]
    job = cluster.sbatch(*ON_TWO_NODES, script(cluster, "mpirun", shlex.join(words)))
    cluster.wait_for_end(job, 300)
    compare(cluster, output)


def one_hull_on_two_nodes(cluster):
    """One hull's points split over two nodes, by srun and by mpirun, tao:hullscope and batched: the verdicts are those of
    the batched engine with all points, and each is proved anew."""
    memory = 2 * 1024 * 6 * 4  # two tiles of eight: no three ranks hold the points
    spread = ["--set", f"hull.memory={memory}"]
    reference = cluster.work / "all points"
    cluster.run(HULLSCOPE, "run", SPREAD, "--output", reference, "--ranks", 2, "--stages", "hull", timeout=120)
    cluster.run(HULLSCOPE, "run", SPREAD, "--output", cluster.work / "three", "--ranks", 3, "--stages", "hull", *spread,
                code=2, timeout=120)
    assert "ranks" in cluster.error, cluster.error
    launchers = {"srun": ["srun", "--mpi=pmix", "--ntasks=4", "--kill-on-bad-exit=1"],
                 "mpirun": ["mpirun", "--quiet", "--bind-to", "none", "--allow-run-as-root", "-n", "4"]}
    with h5py.File(reference / "input" / "hull.h5") as file:
        verdict, upper = file["verdict"][...], file["distance_upper"][...]
    assert min(np.bincount(verdict, minlength=3)[1:]) >= 5, "both verdicts are there"
    for launcher, solver in [("srun", "tao:hullscope"), ("mpirun", "tao:hullscope"), ("srun", "batched")]:
        output = cluster.work / f"{solver.replace(':', '-')}-by-{launcher}"
        words = [HULLSCOPE, "hull", str(SPREAD), "--output", str(output), "--set", f"hull.solver={solver}", *spread]
        job = cluster.sbatch(*ON_TWO_NODES, script(cluster, output.name, "export SLURM_PMIX_FENCE=ring",
                                                   shlex.join(launchers[launcher] + words)))
        cluster.wait_for_end(job, 120)
        path = output / "input" / "hull.h5"
        made_on_both(path)
        with h5py.File(path) as file:
            assert np.array_equal(file["verdict"][...], verdict), f"{output.name}: other verdicts"
            assert np.allclose(file["distance_upper"][...], upper, rtol=3e-6, atol=0), f"{output.name}: other distances"
            assert ("solver_reason" in file) == solver.startswith("tao:")
        said = cluster.run(HULLSCOPE, "verify", path)
        assert f"verified {len(verdict)} of {len(verdict)}" in said, said


def main():
    with Cluster() as cluster:
        reference = cluster.work / "reference"
        cluster.run(HULLSCOPE, "run", STUDY, "--output", reference, "--ranks", 4, "--stages",
                    "train,extract,encode,hull,proximity,reduce", "--set", TOGETHER, timeout=900)
        cluster.expected = digests(reference)
        assert len(cluster.expected) == 17, sorted(cluster.expected)
        scenarios([fences, by_srun, by_mpirun, one_hull_on_two_nodes], cluster)


if __name__ == "__main__":
    main()

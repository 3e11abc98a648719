"""The example program: a PETSc program in C that links our TAO type gives the same distance on any number of ranks, and
PETSc's own options act on the type.

usage: petsc_hull_example.py PROGRAM MPIRUN_SCRIPT
"""
import re
import subprocess
import sys

program, mpirun = sys.argv[1:3]


def run(ranks, *options):
    command = [mpirun, str(ranks), program, "-points", "5000", "-dimension", "6", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def distance(text):
    return re.search(r"^distance (\S+) separation (\S+) iterations (\d+) CONVERGED_(\w+)", text, re.M).groups()


alone = distance(run(1))
assert 0.1 < float(alone[0]) < 3 and abs(float(alone[1]) - float(alone[0])) < 1e-6, alone
for ranks in (2, 3, 5):  # five tiles of rows: with -points 2000 below, ranks without any
    assert distance(run(ranks)) == alone, f"{ranks} ranks: another result"
assert distance(run(5, "-points", "2000")) == distance(run(1, "-points", "2000")), "ranks without points"

text = run(2, "-tao_monitor", "-tao_converged_reason", "-tao_view", "-tao_gatol", "1e-12")
iterations = int(distance(text)[2])
assert len(re.findall(r"^\s*\d+ TAO,\s+Function value", text, re.M)) == iterations + 1, text
assert re.search(r"TAO\s+solve converged due to CONVERGED_GATOL", text), text
assert "type: hullscope" in text and re.search(r"working set: \d+ points, \d+ of them active", text), text

peer = distance(run(2, "-tao_type", "bqnktr", "-tao_max_it", "2000"))
assert abs(float(peer[0]) / float(alone[0]) - 1) < 1e-2, (peer, alone)
one = run(1, "-tao_max_it", "1", "-tao_hullscope_enter", "1")
assert "DIVERGED_MAXITS" in one, one

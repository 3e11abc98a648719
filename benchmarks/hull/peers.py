#!/usr/bin/python3
"""peers.py METHOD POINTS.npy QUERIES.npy OUT.jsonl: hull membership of each query by another method.

Appends a line {"query", "inside", "cpu"} to OUT.jsonl after each query, so that it may be ended at any time; a line
{"setup": seconds} stands before them where a method prepares the points. inside is null where the method gives up.

  highs      scipy.optimize.linprog, HiGHS dual simplex, one linear program a query (its default tolerance, 1e-7)
  clp        Clp's dual simplex, warm-started from query to query (clp_membership.cpp)
  nnls       scipy.optimize.nnls on [X^T; s], inside where the residual is below 1e-8 s, s = the points' scale
  qhull      facets by scipy.spatial.ConvexHull, inside where no facet's plane lies below by more than 1e-12 s
  delaunay   scipy.spatial.Delaunay.find_simplex, its default tolerance
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def scale_of(points):
    return np.linalg.norm(points - points.mean(axis=0), axis=1).mean()


def highs(points, queries):
    from scipy.optimize import linprog

    system = np.vstack([points.T, np.ones(len(points))])
    cost = np.zeros(len(points))
    yield time.process_time()
    for y in queries:
        result = linprog(cost, A_eq=system, b_eq=np.append(y, 1), method="highs-ds")
        yield {0: True, 2: False}.get(result.status)


def nnls(points, queries):
    from scipy.optimize import nnls as solve

    scale = scale_of(points)
    mean = points.mean(axis=0)
    system = np.vstack([(points - mean).T, np.full(len(points), scale)])
    yield time.process_time()
    for y in queries:
        try:
            _, residual = solve(system, np.append(y - mean, scale))
        except RuntimeError:
            yield None
        else:
            yield bool(residual < 1e-8 * scale)


def qhull(points, queries):
    from scipy.spatial import ConvexHull

    planes = ConvexHull(points).equations
    slack = 1e-12 * scale_of(points)
    yield time.process_time()
    for y in queries:
        yield bool((planes[:, :-1] @ y + planes[:, -1] <= slack).all())


def delaunay(points, queries):
    from scipy.spatial import Delaunay

    mesh = Delaunay(points)
    mesh.find_simplex(points[:1])
    yield time.process_time()
    for y in queries:
        yield bool(mesh.find_simplex(y[None])[0] >= 0)


def measure(method, points, queries, write):
    start = time.process_time()
    answers = method(points, queries)
    before = next(answers)
    write({"setup": before - start})
    for number, inside in enumerate(answers):
        now = time.process_time()
        write({"query": number, "inside": inside, "cpu": now - before})
        before = time.process_time()


def clp(points, queries, write):
    """Compiles the driver where it is not there, and hands on what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "clp_membership"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "clp"], check=True, capture_output=True, text=True)
        source = str(HERE / "clp_membership.cpp")
        subprocess.run(["g++", "-O2", "-std=c++20", source, *flags.stdout.split(), "-o", program], check=True)
        run = subprocess.Popen([program, points, queries], stdout=subprocess.PIPE, text=True)
        for line in run.stdout:
            query, status, cpu = line.split()
            write({"query": int(query), "inside": {"0": True, "1": False}.get(status), "cpu": float(cpu)})
        if run.wait() in (-signal.SIGXCPU, -signal.SIGKILL):
            sys.exit(128 + signal.SIGXCPU)  # its CPU seconds are used up, as a shell tells it
        if run.returncode:
            raise SystemExit(f"clp_membership ended with {run.returncode}")


def main():
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    method, points, queries, output = sys.argv[1:]
    with open(output, "w") as file:

        def write(entry):
            file.write(json.dumps(entry) + "\n")
            file.flush()

        if method == "clp":
            return clp(points, queries, write)
        methods = {"highs": highs, "nnls": nnls, "qhull": qhull, "delaunay": delaunay}
        return measure(methods[method], np.load(points).astype(float), np.load(queries).astype(float), write)


if __name__ == "__main__":
    main()

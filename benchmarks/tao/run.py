#!/usr/bin/env python3
"""What PETSc's types and our own cost a query until they converge, on Fashion-MNIST's principal components.

usage: benchmarks/tao/run.py TAO_TYPES [--queries M] [--limit SECONDS] [--dimensions D,...] [--types T,...] [--data DIR] [--tiny]

TAO_TYPES: the program that the dev preset builds (build/dev/tests/tao_types). Prints a Markdown table; the results in
docs/tao.md name the command. --tiny: a few hundred Gaussian points, to try the script.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hull"))
import data as hull_data  # noqa: E402

TYPES = "hullscope,blmvm,bncg,bnls,bntr,bqnls,bqnkls,bqnktr,bqpip,gpcg,tron"


def load(name, tiny, folder):
    if tiny:
        random = np.random.default_rng(3)
        d = int(name.split("-")[1])
        return random.standard_normal((400, d), np.float32), 1.5 * random.standard_normal((100, d), np.float32)
    return hull_data.Data(folder).load(name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--queries", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--max-it", type=int, default=5000)
    parser.add_argument("--dimensions", default="8,32,128")
    parser.add_argument("--types", default=TYPES)
    parser.add_argument("--data", help="folder of the data sets of benchmarks/hull, to make them once")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    print("| data | type | CPU s a query | gradients | converged | worst error of the distance | reasons |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="hullscope tao ") as folder:
        for d in map(int, options.dimensions.split(",")):
            points, queries = load(f"pca-{d}", options.tiny, options.data or folder)
            scale = float(np.linalg.norm(points - points.mean(0, dtype=np.float64), axis=1).mean())
            chosen = np.random.default_rng(1).choice(len(queries), options.queries, replace=False)
            paths = [os.path.join(folder, "p.f32"), os.path.join(folder, "q.f32")]
            np.ascontiguousarray(points, np.float32).tofile(paths[0])
            np.ascontiguousarray(queries[chosen], np.float32).tofile(paths[1])
            command = [options.program, "-points", paths[0], "-n", str(len(points)), "-d", str(d), "-queries", paths[1],
                       "-m", str(options.queries), "-scale", str(scale), "-types", options.types,
                       "-max_it", str(options.max_it), "-limit", str(options.limit)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(run.stderr)
            for line in run.stdout.splitlines():
                if line.startswith("type "):
                    continue
                kind, cpu, gradients, good, of, error, reasons = line.split()
                print(f"| PCA {d} | {kind} | {float(cpu):.4g} | {gradients} | {good} of {of} | {error} | {reasons} |",
                      flush=True)


if __name__ == "__main__":
    main()

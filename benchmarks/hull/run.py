#!/usr/bin/python3
"""run.py: the hull benchmark, ours and its peers side by side. See benchmarks/README.md.

    run.py --work DIR [--study STUDY] [--only KIND,...] [--data NAME,...] [--methods PEER,...] [--solver NAME]
           [--again] [--quiet] [--repeat 3] [--budget 60] [--report FOLDER | --report FOLDER/NAME.md] [--tiny]

Kinds, in this order:
  ours      `hullscope membership`, all queries, one rank, one thread, with and without --projection; `verify` of each
  pass      one certifying pass (2 N M d flop) as SGEMM on one thread: what any method that prices everything must pay
  peers     HiGHS, Clp, nnls, Qhull, Delaunay, the one-query reference solver, on a sample of the queries
  tao       PETSc's bound-constrained types and our own, on a few queries
  truth     verdicts near the boundary: how many do the peers get wrong
  scaling   cost in N, 1e4 to 1e6 points; peak memory on one and two ranks
  ranks     wall time on two ranks against one: only with --quiet, on a machine that does nothing else

Every measurement is a small JSON file in DIR/cells; what is there is not measured again (--again: it is). Then
DIR/hull.json, and with --report also FOLDER/hull.md, hull.json and images/hull.svg (or NAME instead of hull) are written
from all of them.
HULLSCOPE names the program (default build/release/bin/hullscope). CPU seconds are user + system of a process and all
it started, medians of --repeat runs; peers run under --budget CPU seconds a measurement and are extrapolated from what
they finished by then.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import re
import resource
import subprocess
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded

import h5py
import numpy as np
import scipy

import report
from data import Data

HERE = pathlib.Path(__file__).resolve().parent
HULLSCOPE = os.environ.get("HULLSCOPE", str(HERE.parents[1] / "build/release/bin/hullscope"))
KINDS = ("ours", "pass", "peers", "tao", "truth", "scaling", "ranks")
PEERS = {"reference": 100, "highs": 8, "clp": 20, "nnls": 20, "qhull": 1000, "delaunay": 1000}  # sample sizes
FACETS = {"qhull": 4, "delaunay": 2}  # the most dimensions in which they end within minutes
TAO_TYPES = ("hullscope", "blmvm", "bqnktr", "bntr", "tron", "gpcg", "bqpip")
TAO_DATA = ("pca-8", "pca-32", "pca-128")
TRUTH_DATA = ("pca-4", "pca-16")
TRUTH_STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
SCALING = ("scale-10000-16", "scale-100000-16", "features-128000-2048", "scale-1000000-16", "scale-1000000-64")
RANKS_DATA = ("pca-16", "layer-128", "pixels")


class Spent(Exception):
    """A process used up its CPU seconds."""


def timed(command, budget=None):
    """Runs it; standard output, CPU seconds of it and its children, wall seconds."""

    def limit():
        if budget:
            resource.setrlimit(resource.RLIMIT_CPU, (int(budget), int(budget) + 5))

    start = time.monotonic()
    child = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit
    )
    output, errors = child.communicate()
    return finish(child, command, output, errors, time.monotonic() - start)


def finish(child, command, output, errors, wall):
    if child.returncode in (-24, -9, 152, 137):  # SIGXCPU, SIGKILL, also as a shell or a dispatcher tells them
        raise Spent()
    if child.returncode:
        words = " ".join(str(word) for word in command)
        raise SystemExit(f"{words} ended with {child.returncode}:\n{errors[-2000:]}")
    return output, wall


def measured(command, budget=None):
    """As timed(), with the CPU seconds: the difference that this child makes to those of all children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output, wall = timed(command, budget)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return output, cpu, wall


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.cells = self.work / "cells"
        self.cells.mkdir(parents=True, exist_ok=True)
        self.data = Data(self.work / "data", options.study, options.tiny)
        self.names = options.data.split(",") if options.data else self.data.names()

    def cell(self, kind, name, method, measure):
        """Measures what is not there yet. measure() returns a dictionary, or None for 'cannot be had here'."""
        path = self.cells / f"{kind}--{name}--{method.replace(':', '_')}.json"
        if path.exists() and not self.options.again:
            return
        print(f"{kind} {name} {method}", file=sys.stderr, flush=True)
        result = measure()
        if result is None:
            return
        result.update(kind=kind, data=name, method=method, version=version(method))
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(result))
        partial.rename(path)

    def wanted(self, method):
        return not self.options.methods or method in self.options.methods.split(",")

    def sample(self, name, count):
        """The first `count` of the queries in an order that is drawn once; a file of them, and their numbers."""
        queries = self.data.load(name)[1]
        chosen = np.random.default_rng(len(queries)).permutation(len(queries))[:count]
        path = self.work / f"sample-{name}-{len(chosen)}.npy"
        np.save(path, queries[chosen])
        return path, chosen

    def membership(self, points, queries, output, *more, budget=None):
        command = [HULLSCOPE, "membership", "--points", points, "--queries", queries, "--output", output]
        command += ["--threads", 1, "--force-new", *more]
        if "--solver" not in more:
            command += ["--solver", self.options.solver]
        return measured(command, budget)

    # --- ours -----------------------------------------------------------------------------------------------------

    def ours(self, name, method, points, queries, *more, verify=True):
        output = self.work / f"{name}-{method}.h5"
        cpus, walls = [], []
        for _ in range(self.options.repeat):
            output.unlink(missing_ok=True)
            text, cpu, wall = self.membership(points, queries, output, *more)
            cpus.append(cpu)
            walls.append(wall)
        n, d = np.load(points, mmap_mode="r").shape
        result = {"cpu": cpus, "wall": walls, "summary": text.strip(), "n": n, "d": d}
        with h5py.File(output) as file:
            result["m"] = len(file["verdict"])
            result["inside"] = int((file["verdict"][:] == 1).sum())
            result["run"] = {key: plain(value) for key, value in file["run"].attrs.items()}
            if "passes" in file:
                result["passes"] = float(file["passes"][:].mean())
        if verify:
            text, cpu, wall = measured([HULLSCOPE, "verify", output])
            result["verify"] = {"summary": text.strip(), "cpu": cpu}
        return result

    def kind_ours(self):
        for name in self.names:
            modes = {"membership": [], "projection": ["--projection"]}
            named = [mode for mode in modes if self.wanted(mode)] or modes  # --methods that name peers choose no mode
            for method, more in ((mode, modes[mode]) for mode in named):
                self.cell(
                    "ours", name, method, lambda m=method, o=more, n=name: self.ours(n, m, *self.data.paths(n), *o)
                )

    # --- the certifying pass --------------------------------------------------------------------------------------

    def sgemm(self, name):
        """All points times 1,024 directions, tile by tile; scaled to all queries."""
        points, queries = self.data.load(name)
        n, d = points.shape
        rng = np.random.default_rng(1)
        directions = rng.standard_normal((256, d)).astype(np.float32)
        product = np.empty((1024, 256), np.float32)
        tiles = [points[i : i + 1024] for i in range(0, n, 1024)]
        seconds = []
        for _ in range(4):
            start = time.process_time()
            for tile in tiles:
                np.matmul(tile, directions.T, out=product[: len(tile)])
            seconds.append((time.process_time() - start) / 256 * len(queries))
        return {"cpu": seconds, "flop": 2 * n * d * len(queries), "m": len(queries)}

    def kind_pass(self):
        for name in self.names:
            self.cell("pass", name, "sgemm", lambda n=name: self.sgemm(n))

    # --- peers ----------------------------------------------------------------------------------------------------

    def peer(self, method, points, queries):
        """Seconds and verdicts of the queries that were finished within the budget."""
        lines = self.work / f"peer-{os.getpid()}.jsonl"
        lines.unlink(missing_ok=True)
        command = ["/usr/bin/python3", HERE / "peers.py", method, points, queries, lines]
        spent = False
        try:
            timed(command, self.options.budget)
        except Spent:
            spent = True
        entries = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
        answers = [entry for entry in entries if "query" in entry]
        setup = sum(entry["setup"] for entry in entries if "setup" in entry)
        return {
            "cpu": [entry["cpu"] for entry in answers],
            "inside": [entry["inside"] for entry in answers],
            "setup": setup,
            "spent": self.options.budget if spent and not answers else None,
        }

    def reference(self, points, queries, count):
        """The one-query solver, less what it costs to start: CPU seconds a query."""
        output = self.work / "reference.h5"
        one = self.work / "one.npy"
        np.save(one, np.load(queries)[:1])
        base = self.membership(points, one, output, "--solver", "reference")[1]
        cpu = self.membership(points, queries, output, "--solver", "reference")[1]
        with h5py.File(output) as file:
            inside = [bool(v == 1) for v in file["verdict"][:]]
        return {"cpu": [max(cpu - base, 0) / max(count - 1, 1)] * count, "inside": inside, "setup": base, "spent": None}

    def kind_peers(self):
        for name in self.names:
            points = self.data.paths(name)[0]
            d = np.load(points, mmap_mode="r").shape[1]
            for method, count in PEERS.items():
                if d > FACETS.get(method, d) or not self.wanted(method):
                    continue
                path, chosen = self.sample(name, 1000 if method == "reference" and d <= 32 else count)

                def measure(method=method, points=points, path=path, chosen=chosen):
                    if method == "reference":
                        result = self.reference(points, path, len(chosen))
                    else:
                        result = self.peer(method, points, path)
                    result["queries"] = [int(q) for q in chosen[: len(result["cpu"])]]
                    return result

                self.cell("peers", name, method, measure)

    def tao(self, solver, points, path):
        """CPU seconds a query over 1 query, or over 5 where that is quick; less what the reference solver costs."""
        output = self.work / "tao.h5"
        best = {"cpu": [], "spent": self.options.budget}
        for count in (1, 5):
            queries = self.work / "few.npy"
            np.save(queries, np.load(path)[:count])
            base = self.membership(points, queries, output, "--solver", "reference")[1]
            try:
                cpu = self.membership(points, queries, output, "--solver", solver, budget=self.options.budget)[1]
            except Spent:
                break
            with h5py.File(output) as file:
                reasons = [plain(value) for value in file["solver_reason"][:]] if "solver_reason" in file else []
            best = {"cpu": [max(cpu - base, 0) / count] * count, "spent": None, "reasons": reasons}
            if cpu > self.options.budget / 6:
                break
        return best

    def kind_tao(self):
        for name in self.names:
            if name not in TAO_DATA and not self.options.tiny:
                continue
            path, _ = self.sample(name, 5)
            for kind in TAO_TYPES:
                if self.wanted(f"tao:{kind}") and f"tao:{kind}" in solvers():
                    self.cell(
                        "tao", name, f"tao:{kind}", lambda n=name, k=kind: self.tao(f"tao:{k}", self.data.paths(n)[0], path)
                    )

    # --- truth ----------------------------------------------------------------------------------------------------

    def near_queries(self, name, count=6):
        """Queries moved along their shortest way to the hull until they are +-step of the scale from it."""
        points, queries = self.data.load(name)
        points = points.astype(float)
        source = self.work / f"{name}-projection.h5"
        if not source.exists():
            self.membership(*self.data.paths(name), source, "--projection")
        with h5py.File(source) as file:
            outside = np.flatnonzero(file["verdict"][:] == 2)[:count]
            offset, index, weight = (file[f"support/{part}"][:] for part in ("offset", "index", "weight"))
            scale = float(file.attrs["scale"])
        made, steps = [], []
        for q in outside:
            part = slice(offset[q], offset[q + 1])
            nearest = weight[part] @ points[index[part]] / weight[part].sum()
            way = queries[q].astype(float) - nearest
            way /= np.linalg.norm(way)
            for step in [*TRUTH_STEPS, *(-s for s in TRUTH_STEPS)]:
                made.append(nearest + step * scale * way)
                steps.append(step)
        return np.array(made), steps

    def truth(self, name, near, steps, method):
        path = self.work / f"near-{name}.npy"
        np.save(path, near)
        points = self.data.paths(name)[0]
        ours = self.work / f"near-{name}.h5"
        self.membership(points, path, ours)
        with h5py.File(ours) as file:
            proved = [int(v) for v in file["verdict"][:]]
        result = self.peer(method, points, path)
        result.update(proved=proved[: len(result["inside"])], steps=steps[: len(result["inside"])])
        return result

    def kind_truth(self):
        for name in self.names:
            if name not in TRUTH_DATA and not self.options.tiny:
                continue
            near, steps = self.near_queries(name)
            if len(near) == 0:
                continue
            d = near.shape[1]
            for method in PEERS:
                if method != "reference" and self.wanted(method) and d <= FACETS.get(method, d):
                    self.cell("truth", name, method, lambda n=name, m=method: self.truth(n, near, steps, m))

    # --- scaling --------------------------------------------------------------------------------------------------

    def kind_scaling(self):
        names = ("features-400-20", "scale-400-3") if self.options.tiny else SCALING
        for name in names:
            self.cell(
                "scaling", name, "membership",
                lambda n=name: self.ours(n, "membership", *self.data.paths(n), verify=False),
            )
        name = names[-1]
        for ranks in (1, 2):
            self.cell(
                "memory", name, f"ranks-{ranks}",
                lambda r=ranks: self.ours(name, f"ranks-{r}", *self.data.paths(name), "--ranks", r, verify=False),
            )

    def kind_ranks(self):
        if not self.options.quiet:
            return
        for name in self.names:
            if name not in RANKS_DATA and not self.options.tiny:
                continue
            for ranks in (1, 2):
                self.cell(
                    "ranks", name, f"ranks-{ranks}",
                    lambda n=name, r=ranks: self.ours(
                        n, f"ranks-{r}", *self.data.paths(n), "--projection", "--ranks", r, verify=False
                    ),
                )

    def complete(self, cell):
        """A peer's sample with our proved verdicts of the same queries; our run without what only this machine has."""
        for key in ("input_paths", "hosts", "slurm_job_id"):
            cell.get("run", {}).pop(key, None)
        source = self.work / f"{cell['data']}-membership.h5"
        if cell["kind"] == "peers" and source.exists():
            with h5py.File(source) as file:
                verdicts = file["verdict"][:]
            cell["proved"] = [int(verdicts[q]) for q in cell.pop("queries")]
        return cell

    def run(self):
        kinds = self.options.only.split(",") if self.options.only else KINDS
        for kind in kinds:
            if kind not in KINDS:
                raise SystemExit(f"--only {kind}: expected some of {', '.join(KINDS)}")
            getattr(self, f"kind_{kind}")()
        cells = [self.complete(json.loads(path.read_text())) for path in sorted(self.cells.glob("*.json"))]
        everything = {"machine": machine(), "solver": self.options.solver, "cells": cells}
        (self.work / "hull.json").write_text(report.as_json(everything))
        if self.options.report:
            report.write(everything, pathlib.Path(self.options.report))
        return len(cells)


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else str(value)


@functools.cache
def version(method="ours"):
    """What was measured: a peer's version, or our program's."""
    if method in ("highs", "nnls", "qhull", "delaunay"):
        return f"scipy {scipy.__version__}"
    if method == "sgemm":
        return f"numpy {np.__version__}"
    command = ["pkg-config", "--modversion", "clp"] if method == "clp" else [HULLSCOPE, "--version"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if method == "clp":
        return f"Clp {text}"
    return "; ".join(line for line in text.split("\n") if "unknown" not in line)


@functools.cache
def solvers():
    """An unknown solver is an error that lists the known ones."""
    words = [HULLSCOPE, "membership", "--points", "-", "--queries", "-", "--output", "-", "--solver", "none such"]
    text = subprocess.run(words, capture_output=True, text=True).stderr
    return set(re.findall(r"[a-z]+(?::[a-z]+)?", text))


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", text)
    flags = re.search(r"flags\s*:\s*(.*)", text)
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    return {
        "processor": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "instruction_sets": [flag for flag in known if flags and flag in flags.group(1).split()],
        "program": version(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--study")
    parser.add_argument("--only")
    parser.add_argument("--data")
    parser.add_argument("--methods")
    parser.add_argument("--solver", default="batched")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--report")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="300 points of each data set: tries the script")
    count = Bench(parser.parse_args()).run()
    print(f"{count} measurements")


if __name__ == "__main__":
    main()

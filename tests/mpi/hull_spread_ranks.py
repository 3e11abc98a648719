"""Points spread by rows over ranks (--memory, hull.memory, tao:TYPE): the content of a file does not depend on it, nor on
the number of ranks, some of them without points; what does not fit is refused; killed, stopped and limited runs behave
as others do.

usage: hull_spread_ranks.py FOLDER_OF_STAGE_PROGRAMS MPIRUN_SCRIPT
"""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

programs, mpirun = sys.argv[1:3]
failures = []
with_tao = "tao:" in subprocess.run([os.path.join(programs, "membership"), "--points", "p", "--queries", "q", "--output",
                                     "x.h5", "--solver", "tao:nothing"], capture_output=True, text=True).stderr
seed = int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))


def expect(condition, sentence):
    if not condition:
        failures.append(sentence)
        print(f"FAILED (seed {seed}): {sentence}")


def command(ranks, name, *arguments):
    return ([mpirun, str(ranks)] if ranks > 1 else []) + [os.path.join(programs, name), *arguments]


def run(ranks, name, *arguments, code=0):
    done = subprocess.run(command(ranks, name, *arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=300)
    expect(done.returncode == code, f"{ranks} ranks, {name} {arguments}: exit {done.returncode}, expected {code}\n{done.stderr}")
    return done


def digest(path):
    with h5py.File(path) as file:
        return file.attrs["content_digest"]


def save(folder, name, array):
    path = os.path.join(folder, name)
    np.save(path, array)
    return path


def spread_membership(folder):
    """3,000 points are three tiles: with the memory for one tile a group has three ranks."""
    generator = np.random.default_rng(seed)
    for d, kind in ((7, np.float32), (3, np.float64), (5, np.float64), (60, np.float32), (30, np.uint8)):
        points, queries = generator.standard_normal((3000, d)), generator.standard_normal((105, d))
        if kind == np.uint8:
            points, queries = 40 * points + 128, 60 * queries + 128
        p, q = save(folder, f"p{d}.npy", points.astype(kind)), save(folder, f"q{d}.npy", queries.astype(kind))
        labels = save(folder, f"labels{d}.npy", np.arange(3000) % 2)
        tile = 1024 * d * (8 if kind == np.float64 else 4)
        arguments = ["membership", "--points", p, "--queries", q, "--labels", labels, "--projection"]
        whole = os.path.join(folder, f"whole{d}.h5")
        run(1, *arguments, "--output", whole)
        for ranks, memory in ((3, tile), (5, tile), (2, 2 * tile))[:3 if d == 7 else 1]:
            out = os.path.join(folder, f"spread {d} {ranks} {memory}.h5")
            run(ranks, *arguments, "--output", out, "--memory", str(memory))
            expect(digest(out) == digest(whole), f"d = {d}, {ranks} ranks of {memory} bytes: another content")
            with h5py.File(out) as file:
                expect(d < 5 or file["run"].attrs["products_computed"] > 0, f"d = {d}: no products")
        run(1, "verify", out)
        if d == 7:
            refused = run(2, *arguments, "--output", os.path.join(folder, "none.h5"), "--memory", str(tile), code=2)
            expect("start more ranks" in refused.stderr, refused.stderr)
    bad = points.astype(np.float64)
    bad[2500, 3] = np.nan
    refused = run(3, "membership", "--points", save(folder, "bad.npy", bad), "--queries", q, "--output",
                  os.path.join(folder, "none.h5"), "--memory", str(1024 * 30 * 8), code=2)
    expect("bad.npy" in refused.stderr and "NaN" in refused.stderr, refused.stderr)


STUDY = """
name = "spread"
seed = 5
[data]
set = "gaussian?n=1500&test=10&d=4"
[hull]
spaces = ["pixel"]
projection = true
shard = 5
[proximity]
spaces = ["pixel"]
"""


def study_by_tao(folder):
    path = os.path.join(folder, "study.toml")
    with open(path, "w") as file:
        file.write(STUDY)
    verdicts, digests = {}, set()
    for solver, ranks in (("reference", 1), ("tao:hullscope", 1), ("tao:hullscope", 3), ("tao:hullscope", 5),
                          ("tao:bqnktr", 2)):
        out = os.path.join(folder, f"{solver} {ranks}")
        run(ranks, "hull", path, "--output", out, "--set", f"hull.solver={solver}")
        file = os.path.join(out, "input", "hull.h5")
        with h5py.File(file) as hull:
            verdicts[solver, ranks] = list(hull["verdict"][...])
            if solver == "tao:hullscope":
                digests.add(hull.attrs["content_digest"])
                reasons = set(hull["solver_reason"].asstr()[...])
                expect(all(re.match("CONVERGED_", r) for r in reasons), f"reasons: {reasons}")
        if ranks < 3:  # the others must be the same file
            run(1, "verify", file)
    expect(len(set(map(tuple, verdicts.values()))) == 1, f"verdicts differ between solvers or ranks: {verdicts}")
    expect(len(digests) == 1, "tao:hullscope: another content on other numbers of ranks")


def faults(folder):
    """Killed, stopped and limited with the points spread over ranks."""
    generator = np.random.default_rng(seed)
    p = save(folder, "kp.npy", generator.standard_normal((6000, 9)).astype(np.float32))
    q = save(folder, "kq.npy", generator.standard_normal((500, 9)).astype(np.float32))
    memory = ["--memory", str(2 * 1024 * 9 * 4)]
    arguments = ["membership", "--points", p, "--queries", q, "--projection"]
    out, whole = os.path.join(folder, "killed.h5"), os.path.join(folder, "all.h5")
    start = time.monotonic()
    run(3, *arguments, *memory, "--output", whole)
    seconds = time.monotonic() - start
    random.seed(seed)
    for wanted, sign in ((None, signal.SIGKILL), (75, signal.SIGUSR1)):
        done = None
        for _ in range(8):
            process = subprocess.Popen(command(3, *arguments, *memory, "--output", out), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + 3 * seconds + 10
            while process.poll() is None and time.monotonic() < deadline and not shards(out):
                time.sleep(0.005)
            rank = rank_of(process.pid)
            if rank is not None and shards(out) and not os.path.exists(out):
                os.kill(rank, sign)
                done = process.wait(timeout=120)
                if (done != 0 if wanted is None else done == wanted):
                    break
            process.wait(timeout=120)
            if os.path.exists(out):
                os.remove(out)
        expect(done is not None and (done != 0 if wanted is None else done == wanted), f"signal {sign}: exit {done}")
        run(3, *arguments, *memory, "--output", out)
        expect(digest(out) == digest(whole), f"another content after signal {sign}")
        os.remove(out)
    limited = os.path.join(folder, "limited.h5")
    done = run(3, *arguments, *memory, "--output", limited, "--limit-seconds", "0.02")
    expect("all proved: no" in done.stdout, done.stdout)
    run(1, "verify", limited)


def shards(out):
    try:
        return [name for name in os.listdir(out + ".parts") if name.endswith(".h5")]
    except FileNotFoundError:
        return []


def rank_of(mpirun_pid):
    """One of the ranks that this mpirun started."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it has ended
        if parent == mpirun_pid:
            return int(entry)
    return None


with tempfile.TemporaryDirectory(prefix="hullscope spread ") as folder:
    spread_membership(folder)
    if with_tao:
        study_by_tao(folder)
    faults(folder)
sys.exit(f"{len(failures)} failures" if failures else 0)

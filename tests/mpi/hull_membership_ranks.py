"""A hull file must hold the same content on 1, 2, 3 and 5 ranks and any number of threads, and every verdict in it must
be proved again by `verify`. Peers: Qhull's facets (d <= 4) and HiGHS agree wherever they can tell.

usage: hull_membership_ranks.py FOLDER_OF_STAGE_PROGRAMS MPIRUN_SCRIPT
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

programs, mpirun = sys.argv[1:3]
failures = []


def expect(condition, sentence):
    if not condition:
        failures.append(sentence)
        print("FAILED:", sentence)


def run(ranks, name, *arguments, code=0):
    command = ([mpirun, str(ranks)] if ranks > 1 else []) + [os.path.join(programs, name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    expect(done.returncode == code, f"{' '.join(command)}: exit {done.returncode}, expected {code}\n{done.stderr}")
    return done


def digest(path):
    with h5py.File(path) as file:
        return file.attrs["content_digest"]


def by_qhull(points, queries):
    equations = ConvexHull(points.astype(float)).equations
    return (queries.astype(float) @ equations[:, :-1].T + equations[:, -1]).max(axis=1)


def by_highs(points, query):
    equal = np.vstack([points.T.astype(float), np.ones(len(points))])
    return linprog(np.zeros(len(points)), A_eq=equal, b_eq=np.append(query.astype(float), 1), method="highs").status == 0


def main(folder):
    random = np.random.default_rng(7)
    cases = {  # points, queries
        "cloud": (random.standard_normal((900, 4)), random.standard_normal((560, 4))),
        "float64": (random.standard_normal((300, 3)) * 1e-3 + 5, random.standard_normal((130, 3)) * 1e-3 + 5),
        "flat": (random.standard_normal((40, 6)), random.standard_normal((3, 6))),
        "no queries": (random.standard_normal((40, 3)), np.zeros((0, 3))),
        "one point": (np.ones((1, 3)), np.array([[1, 1, 1], [1, 1, 1.0000001]])),
        "few points": (random.standard_normal((3, 8)), random.standard_normal((5, 8))),
    }
    for name, (points, queries) in cases.items():
        kind = np.float64 if name == "float64" else np.float32
        points, queries = points.astype(kind), queries.astype(kind)
        p, q = os.path.join(folder, f"{name} p.npy"), os.path.join(folder, f"{name} q.npy")
        np.save(p, points)
        np.save(q, queries)
        digests = {}
        for ranks, threads in ((1, 1), (3, 1), (5, 1), (1, 2), (2, 2)):
            if name not in ("cloud", "one point") and (ranks, threads) not in ((1, 1), (3, 1)):
                continue
            out = os.path.join(folder, f"{name} {ranks} {threads}.h5")
            done = run(ranks, "membership", "--points", p, "--queries", q, "--output", out, "--threads", str(threads),
                       "--projection")
            expect(f"undecided 0 of {len(queries)}, all proved: yes" in done.stdout, f"{name}: {done.stdout}")
            expect(not os.path.exists(out + ".parts"), f"{out}.parts was left behind")
            digests[ranks, threads] = digest(out)
        expect(len(set(digests.values())) == 1, f"{name}: content digests differ: {digests}")
        out = os.path.join(folder, f"{name} 1 1.h5")
        expect(f"verified {len(queries)} of {len(queries)}" in run(1, "verify", out).stdout, f"{name}: verify")
        run(1, "check", out)
        with h5py.File(out) as file:
            inside = file["verdict"][...] == 1
        if name in ("cloud", "float64"):
            beyond = by_qhull(points, queries)
            sure = np.abs(beyond) > 1e-9 * np.abs(points - points.mean(0)).max()
            expect(np.array_equal(inside[sure], beyond[sure] <= 0), f"{name}: Qhull's facets disagree")
            for k in range(0, len(queries), 13):
                if abs(beyond[k]) > 1e-5 * np.abs(points).max():
                    expect(by_highs(points, queries[k]) == inside[k], f"{name}: HiGHS disagrees on query {k}")
    options(folder, cases)


def options(folder, cases):
    p, q = os.path.join(folder, "cloud p.npy"), os.path.join(folder, "cloud q.npy")
    points, queries = (a.astype(np.float32) for a in cases["cloud"])
    labels = np.arange(len(points)) % 3
    np.save(os.path.join(folder, "labels.npy"), labels)
    np.save(os.path.join(folder, "rows.npy"), np.flatnonzero(labels == 1))
    np.save(os.path.join(folder, "mask.npy"), (labels == 1).astype(np.uint8))
    files = {}
    for name, extra in {"rows": ["--subset", os.path.join(folder, "rows.npy")],
                        "mask": ["--subset", os.path.join(folder, "mask.npy")],
                        "classes": ["--labels", os.path.join(folder, "labels.npy")]}.items():
        files[name] = os.path.join(folder, name + ".h5")
        run(2, "membership", "--points", p, "--queries", q, "--output", files[name], *extra)
        run(1, "verify", files[name])
        run(1, "check", files[name])
    with h5py.File(files["rows"]) as rows, h5py.File(files["mask"]) as mask, h5py.File(files["classes"]) as classes:
        verdict = rows["verdict"][...]
        expect(np.array_equal(verdict, mask["verdict"][...]), "--subset by rows and by mask differ")
        expect(np.array_equal(verdict, classes["class_hull/verdict"][:, 1]), "--labels and --subset differ")
        beyond = by_qhull(points[labels == 1], queries)
        sure = np.abs(beyond) > 1e-9
        expect(np.array_equal(verdict[sure] == 1, beyond[sure] <= 0), "--subset: Qhull's facets disagree")
        expect(list(classes["class"][...]) == [0, 1, 2], "--labels: classes")

    # What is there is not done again; other options are refused; bad input is one sentence and exit 2.
    out = os.path.join(folder, "cloud 1 1.h5")
    before = os.stat(out).st_mtime_ns
    run(1, "membership", "--points", p, "--queries", q, "--output", out, "--projection")
    expect(os.stat(out).st_mtime_ns == before, "a finished file was written again")
    for sentence, arguments in {
        "pass --force-new": ["--points", p, "--queries", q, "--output", out],
        "same number": ["--points", p, "--queries", os.path.join(folder, "flat q.npy"), "--output", "x.h5"],
        "did you mean \"reference\"": ["--points", p, "--queries", q, "--output", "x.h5", "--solver", "referenc"],
        "did you mean --projection": ["--points", p, "--queries", q, "--output", "x.h5", "--projektion"],
        "needs --output": ["--points", p, "--queries", q],
        "holds no points": ["--points", os.path.join(folder, "no queries q.npy"), "--queries", os.path.join(folder, "one point q.npy"), "--output", "x.h5"],
        "does not exist": ["--points", p, "--queries", q, "--output", os.path.join(folder, "nowhere", "x.h5")],
        "missing.npy": ["--points", os.path.join(folder, "missing.npy"), "--queries", q, "--output", "x.h5"],
        "labels": ["--points", p, "--queries", q, "--output", "x.h5", "--labels", os.path.join(folder, "rows.npy")],
    }.items():
        done = run(1, "membership", *arguments, code=2)
        expect(sentence in done.stderr, f"no \"{sentence}\" in: {done.stderr}")
        expect(done.stderr.count("\n") == 1, f"more than one sentence: {done.stderr}")
    bad = points.copy()
    bad[5, 1] = np.nan
    np.save(os.path.join(folder, "nan.npy"), bad)
    run(3, "membership", "--points", os.path.join(folder, "nan.npy"), "--queries", q, "--output",
        os.path.join(folder, "x.h5"), code=2)
    expect(not os.path.exists(os.path.join(folder, "x.h5")), "bad input left a file")

    limited = os.path.join(folder, "limited.h5")
    done = run(1, "membership", "--points", p, "--queries", q, "--output", limited, "--limit-seconds", "0.001")
    expect("all proved: no" in done.stdout, done.stdout)
    run(1, "verify", limited)


with tempfile.TemporaryDirectory(prefix="hullscope hull ") as folder:
    main(folder)
sys.exit(f"{len(failures)} failures" if failures else 0)

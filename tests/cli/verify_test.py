"""hullscope verify: accepts honest hull files on any number of ranks and threads, refuses every changed one."""
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

verify, write_hull, flip_bits, mpirun = sys.argv[1:5]
SEED = int(os.environ.get("HULLSCOPE_TEST_SEED", "7"))
FLIPS = int(os.environ.get("HULLSCOPE_TEST_FLIPS", "1000"))  # 20 ms each
print("HULLSCOPE_TEST_SEED =", SEED)
folder = tempfile.mkdtemp(prefix="hullscope verify ")  # with a space in it


def run(*words, ranks=1, cwd=None):
    command = [str(w) for w in words]
    if ranks > 1:
        command = [mpirun, str(ranks)] + command
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd or folder, stdin=subprocess.DEVNULL, timeout=120)


def expect(condition, message, result=None):
    if not condition:
        print("FAILED:", message)
        if result is not None:
            print(result.args, result.returncode, result.stdout, result.stderr, sep="\n")
        sys.exit(1)


def make(name, *changes):
    result = run(write_hull, folder, "points.npy", "queries.npy", name, *changes)
    expect(result.returncode == 0, "write_hull " + name, result)
    return name


def refuses(result, kind, words=""):
    expect(result.returncode == 1, "exit code 1", result)
    expect(f"refused ({kind})" in result.stderr and words in result.stderr, f"refused ({kind}) ... {words}", result)


rng = np.random.default_rng(SEED)
points = rng.integers(-8, 9, (40, 3)).astype(np.float32)
queries = np.concatenate([rng.integers(-9, 10, (20, 3)) / 2, points[:10] * 0.25, points[:5], rng.normal(0, 12, (15, 3))]).astype(np.float32)
np.save(os.path.join(folder, "points.npy"), points)
np.save(os.path.join(folder, "queries.npy"), queries)
M = len(queries)

# Honest files.
honest = make("honest.h5")
for ranks, threads in [(1, 1), (1, 3), (2, 1), (5, 2)]:
    result = run(verify, honest, "--threads", threads, ranks=ranks)
    expect(result.returncode == 0, f"honest file on {ranks} ranks", result)
    expect(result.stdout == f"verified {M} of {M}, undecided 0\n", "summary line", result)
with h5py.File(os.path.join(folder, honest)) as file:
    verdict = file["verdict"][:]
    has_direction = set(file["direction/query"][:])
    has_exact = set(file["exact/query"][:])
    sizes = np.diff(file["support/offset"][:])
inside = next(q for q in range(M) if verdict[q] == 1 and sizes[q] > 1)
outside = next(q for q in range(M) if q in has_direction)
exact = next(q for q in range(M) if q in has_exact)
expect((verdict == 1).sum() > 5 and (verdict == 2).sum() > 5, "both verdicts are there")

# One false claim a file; every digest fits.
changes = {}
for query, kinds in [(inside, ["verdict", "undecided", "index", "weight", "drop", "repeat", "order", "bound-of-inside"]),
                     (outside, ["verdict", "undecided", "index", "weight", "drop", "repeat", "direction", "no-direction", "lower", "upper"]),
                     (exact, ["verdict", "undecided", "exact-direction", "lower"])]:
    changes.update({f"{kind}-of-{query}.h5": (kind, query) for kind in kinds})
make(honest, "honestly-undecided", outside, "open.h5", *[word for name, (kind, query) in changes.items() for word in (kind, query, name)])

result = run(verify, "open.h5")
expect(result.returncode == 0 and result.stdout == f"verified {M - 1} of {M}, undecided 1\n", "undecided", result)
result = run(verify, honest, "open.h5")
expect(result.stdout.splitlines() == [f"verified {M} of {M}, undecided 0: honest.h5", f"verified {M - 1} of {M}, undecided 1: open.h5",
                                      f"verified {2 * M - 1} of {2 * M}, undecided 1: 2 files"], "two files", result)
for ranks in [1, 2]:
    result = run(verify, *changes, ranks=ranks)
    expect(result.returncode == 1 and "integrity" not in result.stderr, "exit code 1, digests fit", result)
    for name, (kind, query) in changes.items():
        expect(f"{name}: refused (mathematics): query {query} (sample {query}): " in result.stderr, name, result)
        expect(f"verified {M - 1} of {M}, undecided 0: {name}\n" in result.stdout, "the others are verified", result)
refuses(run(verify, next(iter(changes))), "mathematics", "has no direction")

# Integrity: the content was changed behind the digest's back.
def edit(path, index, value):
    shutil.copy(os.path.join(folder, honest), os.path.join(folder, "edited.h5"))
    with h5py.File(os.path.join(folder, "edited.h5"), "r+") as file:
        file[path][index] = value
    return run(verify, "edited.h5")


refuses(edit("passes", 0, 77), "integrity", "content digest")
refuses(edit("sample", 3, 99), "integrity")
refuses(edit("support/weight", 0, 0.123), "mathematics")
for path in ["support/offset", "direction/query", "exact/query"]:
    refuses(edit(path, 0, 10**6), "mathematics", path)
    refuses(edit(path, 0, -1), "integrity")

# The data were changed.
changed = points.copy()
changed[0, 0] += 1
np.save(os.path.join(folder, "points.npy"), changed)
refuses(run(verify, honest), "integrity", "digest of the points")
np.save(os.path.join(folder, "points.npy"), points)
result = run(verify, honest, "--points", "points.npy")
expect(result.returncode == 0, "points named", result)

# The file has moved; wrong usage.
other = tempfile.mkdtemp(prefix="hullscope-verify-")
shutil.copy(os.path.join(folder, honest), other)
result = run(verify, "honest.h5", cwd=other)
expect(result.returncode == 2 and "--points" in result.stderr and result.stderr.count("\n") == 1, "moved file", result)
result = run(verify, "honest.h5", "--points", os.path.join(folder, "points.npy"), "--queries", os.path.join(folder, "queries.npy"), cwd=other)
expect(result.returncode == 0, "moved file, data named", result)
result = run(verify, honest, "--points", "queries.npy")
refuses(result, "integrity", "digest of the points")
np.save(os.path.join(folder, "flat.npy"), points[:, :2])
refuses(run(verify, honest, "--points", "flat.npy"), "mathematics", "coordinates")
for words, part in [([], "at least one"), (["--point", "x", honest], "--points"), ([honest, "--threads", "0"], "--threads"),
                    (["none.h5"], "none.h5"), (["points.npy"], "points.npy"), ([honest, "--points"], "needs a value")]:
    result = run(verify, *words)
    expect(result.returncode == 2 and part in result.stderr, f"usage {words}", result)
expect(run(verify, "--help").returncode == 0, "help")

# Random bits.
result = run(flip_bits, honest, FLIPS, SEED)
print(result.stdout, end="")
expect(result.returncode == 0, "no damaged file passes", result)
expect(int(result.stdout.split("refused ")[1].split(",")[0]) > FLIPS / 5, "bits of the content were hit", result)

shutil.rmtree(folder)
shutil.rmtree(other)
print("all as expected")

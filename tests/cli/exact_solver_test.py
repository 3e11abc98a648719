"""exact_barycentric() against Gaussian elimination in Python's fractions."""
import os
import random
import subprocess
import sys
from fractions import Fraction

SEED = int(os.environ.get("HULLSCOPE_TEST_SEED", "11"))
print("HULLSCOPE_TEST_SEED =", SEED)
rng = random.Random(SEED)


def solve(rows, y):
    k, d = len(rows), len(y)
    a = [[Fraction(rows[i][j]) for i in range(k)] + [Fraction(y[j])] for j in range(d)] + [[Fraction(1)] * (k + 1)]
    for column in range(k):
        pivot = next((i for i in range(column, d + 1) if a[i][column] != 0), None)
        if pivot is None:
            return "dependent"
        a[column], a[pivot] = a[pivot], a[column]
        for i in range(d + 1):
            if i != column and a[i][column] != 0:
                factor = a[i][column] / a[column][column]
                a[i] = [x - factor * p for x, p in zip(a[i], a[column])]
    if any(a[i][k] != 0 for i in range(k, d + 1)):
        return "inconsistent"
    return "unique " + " ".join(float(a[i][k] / a[i][i]).hex() for i in range(k))


def case():
    d = rng.randint(1, 14)
    k = rng.randint(1, d + 2)
    draw = rng.choice([lambda: float(rng.randint(-3, 3)), lambda: rng.gauss(0, 1), lambda: rng.gauss(0, 1) * 10.0 ** rng.randint(-30, 30)])
    rows = [[draw() for _ in range(d)] for _ in range(k)]
    if k > 2 and rng.random() < 0.2:
        rows[-1] = list(rows[0])
    if rng.random() < 0.3:  # repeated and constant coordinates
        for row in rows:
            row[-1] = row[0]
    y = [draw() for _ in range(d)]
    if rng.random() < 0.5:  # a combination, exact for the integers
        w = [rng.randint(1, 4) for _ in range(k)]
        y = [sum(wi * row[j] for wi, row in zip(w, rows)) / 2 ** sum(w).bit_length() for j in range(d)]
    if rng.random() < 0.3:
        y = [(rows[0][j] + rows[-1][j]) / 2 for j in range(d)]
    return rows, y


cases = [case() for _ in range(600)]
lines = []
for rows, y in cases:
    lines.append(f"{len(rows)} {len(y)}")
    lines += [" ".join(x.hex() for x in row) for row in rows + [y]]
output = subprocess.run(sys.argv[1], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, timeout=120).stdout
counts = {}
answers = output.splitlines()
assert len(answers) == len(cases), (len(answers), len(cases))
for (rows, y), found in zip(cases, answers):
    expected = solve(rows, y)
    kind = expected.split()[0]
    counts[kind] = counts.get(kind, 0) + 1
    same = found.split()[0] == kind and [float.fromhex(w) for w in found.split()[1:]] == [float.fromhex(w) for w in expected.split()[1:]]
    assert same, f"rows {rows}, y {y}: found {found}, expected {expected}"
print(counts)
assert all(counts.get(kind, 0) > 50 for kind in ["unique", "inconsistent", "dependent"]), counts

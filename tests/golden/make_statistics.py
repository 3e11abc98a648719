#!/usr/bin/python3
"""Values that tests/unit/statistics_test.cpp holds hullscope's statistics against, from scipy, statsmodels and numpy.

    make_statistics.py            writes statistics.json beside this script
    make_statistics.py --check    exits 1 if the committed file is not what this script makes (relative 1e-9)

The bins of seaborn's regplot are computed as its source does it (seaborn 0.12, regression.py, bin_predictor), so that
the tests need no seaborn; where seaborn is installed, its own bins are compared with them.
"""
import hashlib
import json
import math
import pathlib
import sys
import warnings

import numpy as np
import scipy.optimize
import scipy.stats
import statsmodels.api as sm

HERE = pathlib.Path(__file__).resolve().parent


def rounded(x):
    """Inputs are stored with few digits and used as stored, so that both sides see the same numbers."""
    return [float(f"{v:.5g}") for v in x]


# --- bins and histograms

def regplot_bins(x, y, bins):
    x, y = np.asarray(x), np.asarray(y)
    centres = np.percentile(x, np.linspace(0, 100, bins + 2)[1:-1])
    nearest = np.argmin(scipy.spatial.distance.cdist(np.c_[x], np.c_[centres]), axis=1)
    compare_with_seaborn(x, centres[nearest], bins)
    counts = np.bincount(nearest, minlength=bins)
    with np.errstate(invalid="ignore"):
        accuracy = np.bincount(nearest, weights=y, minlength=bins) / counts
        mean = np.bincount(nearest, weights=x, minlength=bins) / counts
    return {"centre": list(centres), "accuracy": list(accuracy), "mean_distance": list(mean), "count": counts.tolist()}


def compare_with_seaborn(x, binned, bins):
    try:
        from seaborn.regression import _RegressionPlotter
    except ImportError:
        return
    plotter = _RegressionPlotter(x, np.zeros_like(x), x_bins=bins)
    assert np.array_equal(plotter.x_discrete, binned), "seaborn bins otherwise"


def quantile_bins(x, y, bins):
    x, y = np.asarray(x), np.asarray(y)
    order = np.argsort(x, kind="stable")
    n = len(x)
    places = [order[k * n // bins:(k + 1) * n // bins] for k in range(bins)]
    return {"mean_distance": [x[p].mean() for p in places], "accuracy": [y[p].mean() for p in places],
            "median": [float(np.median(x[p])) for p in places], "count": [len(p) for p in places]}


def histograms(x, y, intervals):
    x, y = np.asarray(x), np.asarray(y)
    edges = np.histogram_bin_edges(x, intervals)
    return {"edges": list(edges), "wrong": np.histogram(x[y == 0], edges)[0].tolist(),
            "right": np.histogram(x[y == 1], edges)[0].tolist()}


# --- the logit

def logit_case(seed, n, centre, spread, beta):
    rng = np.random.default_rng(seed)
    x = np.array(rounded(centre + spread * rng.gamma(3.0, 1.0, n)))
    h = (rng.random(n) < 0.4).astype(float)
    z = (x - x.mean()) / x.std(ddof=1)
    eta = beta[0] + beta[1] * z + beta[2] * h + beta[3] * z * h
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    case = {"distance": list(x), "in_hull": h.astype(int).tolist(), "correct": y.astype(int).tolist()}
    # The raw columns can be badly scaled; statsmodels' Newton then needs a start near the optimum.
    standardised = sm.Logit(y, np.c_[np.ones(n), z, h, z * h]).fit(disp=0, method="newton", maxiter=100, tol=1e-10)
    b, s, m = standardised.params, x.std(ddof=1), x.mean()
    start = [b[0] - b[1] * m / s, b[1] / s, b[2] - b[3] * m / s, b[3] / s]
    raw = sm.Logit(y, np.c_[np.ones(n), x, h, x * h]).fit(start_params=start, disp=0, method="newton", tol=1e-10)
    for name, fit in (("raw", raw), ("standardised", standardised)):
        case[name] = {"value": list(fit.params), "standard_error": list(fit.bse), "z": list(fit.tvalues),
                      "p": list(fit.pvalues)}
    case["log_likelihood"] = standardised.llf
    nested = {"no in_hull terms": np.c_[np.ones(n), z], "no distance terms": np.c_[np.ones(n), h]}
    case["tests"] = []
    for design in nested.values():
        statistic = 2 * (standardised.llf - sm.Logit(y, design).fit(disp=0, tol=1e-10).llf)
        case["tests"].append({"statistic": statistic, "p": scipy.stats.chi2.sf(statistic, 2)})
    return case


def separation_status(x, h, y):
    """By linear programs (Konis 2007): is there b with s_i <x_i, b> >= 0 for all i, and not all zero?"""
    if len(set(y)) == 1:
        return "one outcome"
    if len(set(h)) == 1:
        return "constant in_hull"
    x, h = np.asarray(x, float), np.asarray(h, float)
    design = np.c_[np.ones(len(x)), x, h, x * h] * np.where(np.asarray(y) == 1, 1.0, -1.0)[:, None]
    box = [(-1, 1)] * 4
    total = scipy.optimize.linprog(-design.sum(axis=0), A_ub=-design, b_ub=np.zeros(len(x)), bounds=box, method="highs")
    if -total.fun > 1e-9:
        # complete iff the smallest margin can be made positive
        margin = scipy.optimize.linprog([0, 0, 0, 0, -1], A_ub=np.c_[-design, np.ones(len(x))], b_ub=np.zeros(len(x)),
                                        bounds=box + [(None, 1)], method="highs")
        return "separation" if -margin.fun > 1e-9 else "quasi-separation"
    return "ok" if np.linalg.matrix_rank(design) == 4 else "collinear"


def separation_cases():
    rng, cases = np.random.default_rng(5), []
    for k in range(400):
        n = int(rng.integers(4, 24))
        case = {"distance": rng.integers(0, int(rng.integers(2, 9)), n).tolist(),
                "in_hull": (rng.random(n) < rng.random()).astype(int).tolist(),
                "correct": (rng.random(n) < rng.choice([0.2, 0.5, 0.8])).astype(int).tolist()}
        if k % 4 == 0:  # answers that follow the distance: separated ones
            case["correct"] = [int(d < 3) for d in case["distance"]]
        case["status"] = separation_status(case["distance"], case["in_hull"], case["correct"])
        cases.append(case)
    return cases


# --- two samples

def two_samples():
    rng, cases = np.random.default_rng(11), []
    for n, m, shift, digits in ((200, 37, 0.3, 5), (50, 60, 0.0, 5), (40, 30, 0.5, 1), (1, 5, 0.0, 5), (300, 200, 2.0, 5)):
        a = [round(float(v), digits) for v in rng.normal(0, 1, n)]
        b = [round(float(v), digits) for v in rng.normal(shift, 1, m)]
        d = scipy.stats.ks_2samp(a, b, method="asymp").statistic
        u = scipy.stats.mannwhitneyu(b, a).statistic  # of b: pairs in which b is the larger, ties half
        cases.append({"a": a, "b": b, "statistic": d, "p": scipy.stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * d),
                      "auroc_of_b": u / (n * m)})
    grid = [0.05, 0.2, 0.3, 0.5, 0.8, 0.999, 1.0, 1.001, 1.5, 2.0, 3.0, 5.0]
    return {"cases": cases, "kolmogorov": {"x": grid, "survival": list(scipy.stats.kstwobign.sf(grid))}}


# --- means over trials

def philox_block(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Stream:
    """base/random.hpp's RandomStream, written again from its description."""

    def __init__(self, key, item):
        self.key, self.item, self.block, self.left = key, item, 0, []

    def bits32(self):
        if not self.left:
            low = 0xFFFFFFFF
            self.left = philox_block([self.block & low, self.block >> 32, self.item & low, self.item >> 32],
                                     [self.key & low, self.key >> 32])
            self.block += 1
        return self.left.pop(0)

    def below(self, n):
        limit = 2**64 - 1 - (2**64 - 1) % n
        while True:
            x = (self.bits32() << 32) | self.bits32()
            if x < limit:
                return x % n


def interval_case(values, resamples, name):
    key = int(hashlib.sha256(f"2022:{name}".encode()).hexdigest()[:16], 16)
    n = len(values)
    means = []
    for b in range(resamples):
        stream = Stream(key, b)
        means.append(sum(values[stream.below(n)] for _ in range(n)) / n)
    t = scipy.stats.t.ppf(0.975, n - 1)
    t -= (scipy.stats.t.cdf(t, n - 1) - 0.975) / scipy.stats.t.pdf(t, n - 1)  # ppf alone is 2e-11 off at n = 2
    half = t * scipy.stats.sem(values)
    return {"values": values, "resamples": resamples, "stream": name, "mean": float(np.mean(values)),
            "standard_deviation": float(np.std(values, ddof=1)), "student_t": [np.mean(values) - half, np.mean(values) + half],
            "bootstrap": list(np.percentile(means, [2.5, 97.5]))}


# --- intrinsic dimension

def dimension_case(grid, values, threshold=0.99):
    passing = [d for i, d in enumerate(grid) if all(v >= threshold for v in values[i:])]
    if not passing:
        log2 = math.log2(grid[-1])
    elif passing[0] == grid[0]:
        log2 = math.log2(grid[0])
    else:
        k = grid.index(passing[0])
        log2 = scipy.optimize.brentq(
            lambda t: np.interp(t, np.log2(grid[k - 1:k + 1]), values[k - 1:k + 1]) - threshold,
            math.log2(grid[k - 1]), math.log2(grid[k]), xtol=1e-10)
    return {"dimensions": grid, "relative_accuracy": values, "threshold": threshold,
            "dimension": passing[0] if passing else -1, "log2": log2}


def make():
    rng = np.random.default_rng(1)
    x = rounded(rng.gamma(4.0, 1.5, 237))
    y = (rng.random(237) < 0.8).astype(int).tolist()
    tied = [float(v) for v in rng.integers(0, 6, 150)]
    tied_y = (rng.random(150) < 0.6).astype(int).tolist()
    bins = [{"distance": d, "correct": c, "bins": k, "paper": regplot_bins(d, c, k), "quantile": quantile_bins(d, c, k),
             "histogram": histograms(d, c, 3 * k)}
            for d, c, k in ((x, y, 10), (x, y, 4), (tied, tied_y, 10), (x[:11], y[:11], 10))]
    return {
        "made_by": "tests/golden/make_statistics.py",
        "bins": bins,
        "logit": [logit_case(21, 400, 0, 1, (1.5, -0.8, 0.4, 0.3)), logit_case(22, 300, 1000, 2, (1, -0.5, -0.3, 0.2)),
                  logit_case(23, 600, 0, 1e-6, (3, -1, 0, 0)), logit_case(24, 250, 5, 1e4, (0.5, 0.6, -0.9, -0.4))],
        "separation": separation_cases(),
        "two_samples": two_samples(),
        "intervals": [interval_case(v, b, f"golden/{i}") for i, (v, b) in enumerate((
            ([0.991, 0.994, 0.9885, 0.9952, 0.9931, 0.9899, 0.9942, 0.9917, 0.9968, 0.9924], 2000),
            ([0.38, 0.395, 0.37, 0.41, 0.402], 500), ([1.0, 2.0], 100), ([0.5, 0.5, 0.5], 50)))],
        "dimension": [dimension_case(*c) for c in (
            ([2, 4, 8, 16], [0.951, 0.984, 0.997, 0.998]), ([2, 4, 8, 16], [0.995, 0.999, 1.0, 1.0]),
            ([2, 4, 8, 16], [0.904, 0.964, 0.985, 0.994]), ([2, 4, 8, 16], [0.9, 0.92, 0.93, 0.95]),
            ([2, 4, 8, 16], [0.9, 0.995, 0.98, 1.0]), ([1, 2, 3, 4, 6], [0.5, 0.99, 0.989, 0.99, 1.0]),
            ([4], [0.995]), ([4], [0.9]))],
    }


def differences(a, b, path=""):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [d for k in a for d in differences(a[k], b[k], f"{path}/{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i, (u, v) in enumerate(zip(a, b)) for d in differences(u, v, f"{path}[{i}]")]
    if isinstance(a, float) and isinstance(b, (int, float)) or isinstance(b, float) and isinstance(a, (int, float)):
        same = math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
        return [] if same else [f"{path}: {a} against {b}"]
    return [] if a == b else [f"{path}: {a} against {b}"]


def plain(value):
    """JSON's types only; NaN becomes null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.integer, int)):
        return int(value)
    if isinstance(value, (np.floating, float)):
        return None if math.isnan(value) else float(value)
    return value


def main():
    warnings.simplefilter("error", RuntimeWarning)
    made = plain(make())
    target = HERE / "statistics.json"
    if sys.argv[1:] == ["--check"]:
        found = differences(made, json.loads(target.read_text()))
        for line in found[:20]:
            print(line)
        print(f"{target.name}: {len(found)} differences")
        return 1 if found else 0
    target.write_text(json.dumps(made, indent=None, separators=(",", ":")).replace('},{"', '},\n{"') + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

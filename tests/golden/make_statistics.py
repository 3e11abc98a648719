#!/usr/bin/python3
"""Values that tests/unit/statistics_test.cpp holds hullscope's statistics against, from scipy, statsmodels and numpy.

    make_statistics.py            writes statistics.json beside this script
    make_statistics.py --check    exits 1 if the committed file is not what this script makes (relative 1e-9)

The bins of seaborn's regplot are computed as its source does it (seaborn 0.12, regression.py, bin_predictor), so that
the tests need no seaborn; where seaborn is installed, its own bins are compared with them.
"""
import hashlib
import itertools
import json
import math
import pathlib
import sys
import warnings

import numpy as np
import scipy.optimize
import scipy.stats
import sklearn.metrics
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


# --- scores of right and wrong answers

def risk_by_all_orders(score, wrong):
    """Area under the risk-coverage curve, the mean over all orders of tied scores."""
    groups = [[w for s, w in zip(score, wrong) if s == value] for value in sorted(set(score))]
    areas = []
    for orders in itertools.product(*(set(itertools.permutations(g)) for g in groups)):
        # the distinct orders of a tie are equally likely
        errors = np.cumsum([w for group in orders for w in group])
        areas.append(np.mean(errors / np.arange(1, len(wrong) + 1)))
    return float(np.mean(areas))


def matched_by_all_orders(score, wrong, in_hull):
    decided = [i for i, h in enumerate(in_hull) if h is not None]
    inside = [i for i in decided if in_hull[i] == 1]
    if not inside or len(inside) == len(decided):
        return None
    found = []
    for order in itertools.permutations(decided):
        if all(score[a] <= score[b] for a, b in zip(order, order[1:])):
            found.append(1 - np.mean([wrong[i] for i in order[:len(inside)]]))
    return float(np.mean(found) - (1 - np.mean([wrong[i] for i in inside])))


def ranking_case(rng, n, levels):
    score = [float(v) for v in rng.integers(0, levels, n)] if levels else rounded(rng.normal(size=n))
    wrong = (rng.random(n) < 0.4).astype(int).tolist()
    wrong[0], wrong[1] = 1, 0
    in_hull = [None if u < 0.1 else int(u < 0.6) for u in rng.random(n)]
    weight = np.bincount(rng.integers(0, n, n), minlength=n)
    case = {"score": score, "wrong": wrong, "in_hull": in_hull, "weight": weight.tolist()}
    for name, w in (("plain", np.ones(n, int)), ("weighted", weight)):
        drawn = np.repeat(np.arange(n), w)
        s, y = np.array(score)[drawn], np.array(wrong)[drawn]
        both = 0 < y.sum() < n
        fpr, tpr, _ = sklearn.metrics.roc_curve(y, s, drop_intermediate=False) if both else (None, None, None)
        case[name] = {"auroc": sklearn.metrics.roc_auc_score(y, s) if both else None,
                      "fpr95": float(fpr[tpr >= 0.95].min()) if both else None}
        if n <= 7:
            best = risk_by_all_orders(list(range(n)), sorted(y.tolist()))
            case[name]["aurc"] = risk_by_all_orders(s.tolist(), y.tolist())
            case[name]["e_aurc"] = case[name]["aurc"] - best
            case[name]["matched"] = matched_by_all_orders(s.tolist(), y.tolist(), [in_hull[i] for i in drawn])
    return case


# --- out-of-fold scores

def restricted_cubic(x, knots):
    """Harrell's basis, written as the cubic that is straight beyond the outer knots."""
    if len(knots) < 3:
        return np.c_[x]
    up = lambda t: np.clip(x - t, 0, None) ** 3  # noqa: E731
    columns, (before, last) = [x], knots[-2:]
    for t in knots[:-2]:
        columns.append((up(t) - up(before) * (last - t) / (last - before) + up(last) * (before - t) / (last - before))
                       / (knots[-1] - knots[0]) ** 2)
    return np.column_stack(columns)


def penalised_logit(design, y, ridge):
    def loss(b):
        eta = design @ b
        return np.logaddexp(0, eta).sum() - y @ eta + ridge / 2 * (b[1:] ** 2).sum()

    def gradient(b):
        p = 1 / (1 + np.exp(-(design @ b)))
        return design.T @ (p - y) + ridge * np.r_[0, b[1:]]

    def hessian(b):
        p = 1 / (1 + np.exp(-(design @ b)))
        return design.T @ (design * (p * (1 - p))[:, None]) + ridge * np.diag(np.r_[0, np.ones(len(b) - 1)])

    found = scipy.optimize.minimize(loss, np.zeros(design.shape[1]), jac=gradient, hess=hessian, method="trust-exact",
                                    options={"gtol": 1e-10, "maxiter": 500})
    # To the last digits, so that the numbers are those of every BLAS: quasi-separated data leave the loss very flat.
    b = found.x
    for _ in range(10):
        b = b - np.linalg.solve(hessian(b), gradient(b))
    return b


def cross_fit_case(seed, n, constant_hull=False):
    rng = np.random.default_rng(seed)
    x = np.array(rounded(rng.gamma(3.0, 1.0, n)))
    h = np.zeros(n) if constant_hull else (rng.random(n) < 1 / (1 + np.exp(x - 3))).astype(float)
    y = (rng.random(n) < 1 / (1 + np.exp(2.5 - 0.5 * x + 0.3 * h))).astype(float)
    fold = rng.integers(0, 5, n)
    case = {"distance": x.tolist(), "in_hull": h.tolist(), "wrong": y.astype(int).tolist(), "fold": fold.tolist()}
    for name, hull in (("alone", False), ("both", True)):
        score = np.empty(n)
        for f in range(5):
            fit = fold != f
            knots = np.unique(np.percentile(x[fit], [5, 27.5, 50, 72.5, 95]))
            design = np.c_[restricted_cubic(x, knots), h, h * x] if hull else restricted_cubic(x, knots)
            spread = design[fit].std(axis=0)
            design = np.c_[np.ones(n), (design - design[fit].mean(axis=0)) / np.where(spread > 0, spread, np.inf)]
            score[~fit] = (design @ penalised_logit(design[fit], y[fit], 1e-6 * fit.sum()))[~fit]
        case[name] = score.tolist()
    return case


# --- further logits

def standardised_terms(x, h):
    z = (x - x.mean()) / x.std(ddof=1)
    return np.c_[np.ones(len(x)), z, h, z * h]


def firth_fit(x, h, y):
    """Maximum of log-likelihood + log det(information) / 2, by a general minimiser; values and standard errors."""
    design = standardised_terms(np.asarray(x, float), np.asarray(h, float))
    y = np.asarray(y, float)

    def information(b):
        p = 1 / (1 + np.exp(-(design @ b)))
        return design.T @ (design * (p * (1 - p))[:, None])

    def loss(b):
        eta = design @ b
        return np.logaddexp(0, eta).sum() - y @ eta - np.linalg.slogdet(information(b))[1] / 2

    found = scipy.optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})

    def score(b):
        p = 1 / (1 + np.exp(-(design @ b)))
        leverage = np.einsum("ij,jk,ik->i", design, np.linalg.inv(information(b)), design) * p * (1 - p)
        return design.T @ (y - p + leverage * (0.5 - p))

    exact = scipy.optimize.root(score, found.x, tol=1e-14).x
    assert np.abs(exact - found.x).max() < 1e-3 and loss(exact) <= loss(found.x) + 1e-10, "Firth's score is not the loss's gradient"
    return exact, np.sqrt(np.diag(np.linalg.inv(information(exact))))


def firth_case(seed, n, separated):
    rng = np.random.default_rng(seed)
    x = np.array(rounded(rng.gamma(3.0, 1.0, n)))
    h = (rng.random(n) < 0.5).astype(float)
    y = (x < np.median(x)).astype(float) if separated else (rng.random(n) < 1 / (1 + np.exp(x - 4 - h))).astype(float)
    value, error = firth_fit(x, h, y)
    return {"distance": x.tolist(), "in_hull": h.tolist(), "correct": y.astype(int).tolist(), "value": value.tolist(),
            "standard_error": error.tolist()}


def pooled_fit(trials):
    """trials: (ids, correct, in_hull, distance) each; statsmodels' logit with trial effects, clustered by id."""
    columns, correct, groups = [], [], []
    for t, (ids, y, h, x) in enumerate(trials):
        effect = np.zeros((len(y), len(trials)))
        effect[:, t] = 1
        columns.append(np.c_[effect, standardised_terms(np.asarray(x, float), np.asarray(h, float))[:, 1:]])
        correct.append(y)
        groups.append(ids)
    return sm.Logit(np.concatenate(correct), np.vstack(columns)).fit(
        disp=0, method="newton", tol=1e-12, cov_type="cluster", cov_kwds={"groups": np.concatenate(groups)})


def pooled_case(seed, n, trials):
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=n)  # the same points are hard in every trial
    made = []
    for t in range(trials):
        x = np.array(rounded((t + 1) * np.exp(0.3 * hard + 0.2 * rng.normal(size=n))))
        h = (rng.random(n) < 0.5).astype(float)
        y = (rng.random(n) < 1 / (1 + np.exp(hard - 1 + 0.5 * h + 0.2 * t))).astype(float)
        made.append((np.arange(n), y, h, x))
    fit = pooled_fit(made)
    return {"trials": [{"id": i.tolist(), "correct": y.astype(int).tolist(), "in_hull": h.tolist(), "distance": x.tolist()} for i, y, h, x in made],
            "value": fit.params[trials:].tolist(), "standard_error": fit.bse[trials:].tolist(), "z": fit.tvalues[trials:].tolist(),
            "p": fit.pvalues[trials:].tolist()}


def in_hull_effect(x, h, y, spline, covariates=()):
    """Mean of P(right | inside) - P(right | outside) under a logistic model."""
    x, h, y = (np.asarray(v, float) for v in (x, h, y))
    knots = np.unique(np.percentile(x, [5, 27.5, 50, 72.5, 95])) if spline else []

    def terms(inside):
        return np.column_stack([restricted_cubic(x, knots), inside, inside * x, *covariates])

    design = terms(h)
    mean, spread = design.mean(axis=0), design.std(axis=0)
    scaled = lambda m: np.c_[np.ones(len(x)), (m - mean) / spread]  # noqa: E731
    b = penalised_logit(scaled(design), y, 1e-6 * len(x))
    chance = lambda inside: 1 / (1 + np.exp(-(scaled(terms(inside)) @ b)))  # noqa: E731
    return float((chance(np.ones(len(x))) - chance(np.zeros(len(x)))).mean())


def in_hull_effect_case(seed, n):
    rng = np.random.default_rng(seed)
    x = np.array(rounded(rng.gamma(3.0, 1.0, n)))
    h = (rng.random(n) < 1 / (1 + np.exp(x - 3))).astype(float)
    norm = np.array(rounded(rng.normal(size=n)))
    y = (rng.random(n) < 1 / (1 + np.exp(x - 4 - h + norm))).astype(float)
    return {"distance": x.tolist(), "in_hull": h.tolist(), "correct": y.astype(int).tolist(), "covariate": norm.tolist(),
            "linear": in_hull_effect(x, h, y, False), "spline": in_hull_effect(x, h, y, True),
            "spline_covariate": in_hull_effect(x, h, y, True, [norm])}


# --- dimension by neighbours

def neighbours(points, k):
    distance = scipy.spatial.distance.cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    return np.sort(distance, axis=1)[:, :k]


def neighbour_dimension_case(rng, n, d, ambient, k=20):
    points = np.zeros((n, ambient))
    points[:, :d] = np.round(rng.normal(size=(n, d)), 3)
    points[1] = points[0]  # a duplicate: two points with a distance 0
    distance = neighbours(points, k)
    kept = distance[distance[:, 0] > 0]
    mu = np.sort(kept[:, 1] / kept[:, 0])
    m = len(mu)
    part = slice(0, int(np.floor(0.9 * m)))
    slope = np.linalg.lstsq(np.log(mu[part])[:, None], -np.log(1 - (np.arange(1, m + 1) / m)[part]), rcond=None)[0][0]
    local = [np.log(kept[:, j - 1:j] / kept[:, :j - 1]).mean() for j in (10, 20)]
    spectrum = np.linalg.eigvalsh(np.cov(points.T))
    return {"points": points.tolist(), "distance": distance.tolist(), "two_nn": float(slope), "dropped": 2,
            "levina_bickel": [1 / v for v in local], "participation": float(spectrum.sum() ** 2 / (spectrum ** 2).sum())}


# --- trends

def trend_case(groups):
    """z from the exact mean and variance of J over all permutations of the values."""
    j = sum((x < y) + 0.5 * (x == y) for a, b in itertools.combinations(groups, 2) for x in a for y in b)
    values, sizes = [v for g in groups for v in g], [len(g) for g in groups]

    def statistic(order):
        cut = np.cumsum([0, *sizes])
        parts = [order[a:b] for a, b in zip(cut, cut[1:])]
        return sum((x < y) + 0.5 * (x == y) for a, b in itertools.combinations(parts, 2) for x in a for y in b)

    every = [statistic(order) for order in itertools.permutations(values)]
    z = (j - np.mean(every)) / np.std(every)
    return {"groups": groups, "statistic": float(j), "z": float(z), "p": float(2 * scipy.stats.norm.sf(abs(z)))}


def welch_case(a, b):
    found = scipy.stats.ttest_ind(a, b, equal_var=False)
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    degrees = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    difference = np.mean(a) - np.mean(b)
    assert math.isclose(found.statistic, difference / math.sqrt(va + vb))
    half = scipy.stats.t.ppf(0.975, degrees) * math.sqrt(va + vb)
    return {"a": a, "b": b, "value": difference, "lower": difference - half, "upper": difference + half, "degrees": degrees}


def weights_case(n, name, b):
    stream = Stream(int(hashlib.sha256(f"2022:{name}".encode()).hexdigest()[:16], 16), b)
    return {"n": n, "stream": name, "b": b, "weight": np.bincount([stream.below(n) for _ in range(n)], minlength=n).tolist()}


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
        "ranking": [ranking_case(np.random.default_rng(31 + i), n, levels) for i, (n, levels) in enumerate(
            ((7, 3), (7, 0), (6, 2), (7, 4), (5, 1), (2, 0), (300, 0), (400, 12)))],
        "cross_fit": [cross_fit_case(41, 500), cross_fit_case(42, 400, constant_hull=True)],
        "firth": [firth_case(61, 60, False), firth_case(62, 40, True), firth_case(63, 200, False)],
        "pooled_logit": [pooled_case(71, 150, 3), pooled_case(72, 80, 1)],
        "in_hull_effect": [in_hull_effect_case(81, 400), in_hull_effect_case(82, 150)],
        "neighbour_dimension": [neighbour_dimension_case(np.random.default_rng(51), 120, 3, 5),
                                neighbour_dimension_case(np.random.default_rng(52), 90, 1, 2)],
        "trend": [trend_case(g) for g in ([[1.0, 2.0], [2.0, 3.5, 3.0], [4.0, 3.0]], [[3.0, 2.0, 2.5], [1.0, 2.0], [0.5, 1.0, 2.0]],
                                          [[1.0, 4.0], [2.0, 3.0]], [[1.0, 1.0, 2.0], [1.0, 2.0, 2.0]])],
        "welch": [welch_case([1.2, 1.9, 2.4, 1.1, 1.7], [2.5, 2.9, 2.1, 3.3]), welch_case([0.99, 0.991], [0.98, 0.95, 0.97])],
        "point_weights": [weights_case(10, "golden/points", 3), weights_case(1, "golden/points", 0)],
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

"""The paper beside us, value by value: Fig. 4 and its test accuracies, the z values of the logit and the KS statistics of
Fig. 5 and S1 to S12.

A cell agrees if |ours - paper| <= max(0.01, 2 sqrt(SE_ours^2 + SE_paper^2)). The paper gives intervals for the hull fraction
at d = 16 alone, and single trials for z (of some networks nine: one was dropped); elsewhere its standard error is taken as our SD / sqrt(10), which is marked. Of a z
value the sign is compared, and only where the paper's mean is more than two standard errors from 0. Agreement is a
description, not a test.

The paper does not centre its distances, so its z of in hull is of the effect at distance 0, where there are no points. Ours
at the mean distance stands beside it (`centred`); z of distance and of the interaction are the same either way.
"""

import math

import numpy as np
from scipy import stats

from .reference import paper_reference, paper_values
from .results import mean_over_trials

PAPER_TRIALS = 10
ASSUMED, SIGN = "standard error of the paper assumed", "sign alone"
TERMS = ("distance", "in_hull", "interaction")


def t_interval(values):
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 5:
        return math.nan, math.nan
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean() - half, values.mean() + half


def standard_error(values):
    values = np.asarray(values, float)
    return values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def meet(a, b):
    """Whether two intervals have a point in common; "" where one is not known."""
    if not np.isfinite([*a, *b]).all():
        return ""
    return "yes" if a[0] <= b[1] and b[0] <= a[1] else "no"


def paper_panel(results, family, measure):
    """What the paper plots of a family of networks and a measure, by our networks' names; None if it has no such figure."""
    for figure, panel in paper_reference()["fig5_and_supplement"].items():
        data_set, _, architecture = panel["network"].rpartition(" ")
        if (data_set.lower(), architecture.lower(), panel["distance"]) != (results.data_set, family, measure):
            continue
        names = [f"{family}-{size}" for size in panel["sizes"]]
        if not set(names) & set(results.networks):
            return None  # other sizes than the paper's
        return {
            "figure": figure, "best": names[-1], "neural": panel["accuracy_by_distance_neural_best_net_trial1"],
            "latent": panel["accuracy_by_distance_latent16_best_net_trial1"], "ks": dict(zip(names, panel["ks_neural"])),
            "z": {name: {term: panel["logit_z"][term][k] for term in TERMS} for k, name in enumerate(names)},
            "trials": sorted({len(trials) for term in TERMS for trials in panel["logit_z"][term]}),
        }  # fmt: skip
    return None


def cell(results, network, quantity, ours, paper, paper_interval=(math.nan, math.nan), sign_error=math.nan):
    """One comparison. ours: a value a trial; sign_error: the paper's standard error, where the sign alone is compared."""
    ours = np.asarray(ours, float)
    ours = ours[np.isfinite(ours)]
    row = {"network": network, "quantity": quantity, "ours": math.nan, "interval": (math.nan, math.nan), "paper": paper,
           "paper_interval": paper_interval, "difference": math.nan, "meet": "", "label": "not comparable", "why": "", "centred": math.nan}  # fmt: skip
    if not len(ours):
        return {**row, "why": "not measured"}
    row.update(ours=ours.mean(), interval=t_interval(ours), difference=ours.mean() - paper)
    row["meet"] = meet(row["interval"], paper_interval)
    preset = str(results.study.get("preset", ""))
    if preset not in ("", "full", "cpu"):
        return {**row, "why": f"preset {preset}"}
    if len(ours) < 2:
        return {**row, "why": "one trial"}
    if math.isfinite(sign_error):
        if not abs(paper) > 2 * sign_error:
            return {**row, "why": "the paper's mean is within two standard errors of 0"}
        return {**row, "label": "agrees" if np.sign(paper) == np.sign(ours.mean()) else "differs", "why": SIGN}
    if math.isfinite(paper_interval[0]):
        error, why = (paper_interval[1] - paper_interval[0]) / 2 / 1.96, ""
    else:
        error, why = ours.std(ddof=1) / math.sqrt(PAPER_TRIALS), ASSUMED
    limit = max(0.01, 2 * math.hypot(standard_error(ours), error))
    return {**row, "label": "agrees" if abs(row["difference"]) <= limit else "differs", "why": why}


def fig4_cells(results, networks):
    paper, found = paper_values(results), []
    for n in networks:
        network = results.networks[n]
        if network not in paper:
            continue
        row = paper[network]
        found.append(cell(results, network, "test accuracy", results["/accuracy/test"][n], row["test_accuracy"]))
        for words, path, key in (("relative accuracy", "/relative_accuracy/value", "relative_accuracy"),
                                 ("fraction in the hull", "/hull/inside", "fraction_in_hull")):  # fmt: skip
            for d, value in zip(row["bottleneck"], row[key]):
                if d in results.bottlenecks:
                    interval = tuple(row["fraction_in_hull_d16_ci95"]) if d == 16 and key == "fraction_in_hull" else (math.nan, math.nan)
                    ours = results[path][n, :, results.bottlenecks.index(d)]
                    found.append(cell(results, network, f"{words}, d = {d}", ours, value, interval))
    return found


def fig5_cells(results, family, members, m):
    panel, found = paper_panel(results, family, results.measures[m]), []
    if panel is None:
        return found
    terms = [str(t) for t in results["/term"]]
    neural = next((k for k, s in enumerate(results.spaces) if s == "neural"), None)
    for n in members:
        network = results.networks[n]
        if network not in panel["z"]:
            continue
        for term in TERMS:
            theirs = panel["z"][network][term]
            ours = results["/logit/raw/z"][n, :, m, terms.index(term)]
            if results.dimension == 16:
                found.append(cell(results, network, f"z of {term.replace('_', ' ')}", ours, float(np.mean(theirs)), t_interval(theirs), standard_error(theirs)))
                if term == "in_hull":
                    found[-1]["centred"] = float(mean_over_trials(results["/logit/standardised/z"][n, :, m, terms.index(term)], 0))
        if neural is not None:
            found.append(cell(results, network, "KS, neural space", results["/ks/statistic"][n, :, neural, m], panel["ks"][network]))
    return found

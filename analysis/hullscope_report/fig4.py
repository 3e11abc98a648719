"""The paper's Fig. 4: relative accuracy and the fraction in the hull against the dimension of the bottleneck."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from . import sensitivity
from .claims import family_of
from .reference import paper_values
from .style import NEUTRAL, colour_of, dimension_axis, intervals_of, marker_of, not_there, panel_letter, trials_of

PANELS = [
    ("relative_accuracy", "/relative_accuracy/value", "/relative_accuracy/mean", "/relative_accuracy/interval", "relative accuracy"),
    ("fraction_inside", "/hull/inside", "/hull/mean", "/hull/interval", "test points inside the hull"),
]
GRID_WORDS = {"relative_accuracy": "relative accuracy", "fraction_inside": "fraction in the hull"}
PAPER_KEYS = {"relative_accuracy": "relative_accuracy", "fraction_inside": "fraction_in_hull"}


def families(results):
    """Networks (their numbers) by family, in the study's order."""
    found = {}
    for n, network in enumerate(results.networks):
        found.setdefault(family_of(network), []).append(n)
    return found


def groups_of(results):
    """(suffix, networks) of each figure: families side by side as panels a-d in the paper; here a figure for each of them,
    unless the study has one network a family."""
    found = families(results)
    if all(len(members) == 1 for members in found.values()) and len(found) <= 8:
        return [("", list(range(len(results.networks))))]
    return [("" if len(found) == 1 else f"-{family}", members) for family, members in found.items()]


def draw_panel(axis, results, members, panel, rows):
    name, value_path, mean_path, interval_path, label = panel
    paper, grid = paper_values(results), sensitivity.ranges(results.folder)
    values, means, bounds = results[value_path], results[mean_path], results[interval_path]
    d = np.array(results.bottlenecks)
    if name == "relative_accuracy":
        axis.axhspan(results.threshold, 1.0, color="#000000", alpha=0.07, linewidth=0)
    for k, n in enumerate(members):
        network, colour, marker = results.networks[n], colour_of(k), marker_of(k)
        at = d * 2 ** (0.06 * (k - (len(members) - 1) / 2))  # keeps networks apart on the log axis
        for trial in range(values.shape[1]):
            axis.plot(at, values[n, trial], marker, color=colour, alpha=0.3, markersize=2.5, markeredgewidth=0)
        known = np.isfinite(bounds[n]).all(axis=-1)
        axis.vlines(at[known], bounds[n, known, 0], bounds[n, known, 1], color=colour, linewidth=1)
        axis.plot(at, means[n], "-", marker=marker, color=colour, label=network)
        row = paper.get(network)
        if row:
            axis.plot(row["bottleneck"], row[PAPER_KEYS[name]], "x", color=colour, markersize=5)
        for x, dimension in zip(at, d):
            span = grid.get((network, f"{GRID_WORDS[name]}, d = {dimension}"))
            if span:
                axis.vlines(x, *span, color=colour, alpha=0.16, linewidth=6)
        published = dict(zip(row["bottleneck"], row[PAPER_KEYS[name]])) if row else {}
        for j, dimension in enumerate(d):
            rows.append({"panel": name, "network": network, "d": dimension, "mean": means[n, j], "lower": bounds[n, j, 0],
                         "upper": bounds[n, j, 1], "paper": published.get(int(dimension)), "trials": values.shape[1],
                         **{f"trial_{t}": values[n, i, j] for i, t in enumerate(results.trials)}})  # fmt: skip
    dimension_axis(axis, results.bottlenecks)
    axis.set_ylabel(label)


def draw(results, members):
    """(figure, frame, caption, alt) of some networks."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.1))
    rows = []
    for axis, letter, panel in zip(axes, "ab", PANELS):
        draw_panel(axis, results, members, panel, rows)
        panel_letter(axis, letter, "Accuracy through the bottleneck" if letter == "a" else "In the convex hull")
    if np.isfinite(results["/hull/mean"][members]).any():
        axes[1].set_ylim(-0.03, 1.03)
        axes[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    else:
        not_there(axes[1], "no hull was tested in latent spaces")
    values = results["/relative_accuracy/value"][members]
    low = np.nanmin(values) if np.isfinite(values).any() else 0.9
    axes[0].set_ylim(min(low - 0.15 * (1 - min(low, 0.99)), 0.985), None if np.isfinite(values).any() else 1.005)
    if not np.isfinite(values).any():
        axes[0].text(0.5, 0.5, "not known: no network has a head", ha="center", va="center", transform=axes[0].transAxes, color=NEUTRAL)
    handles, labels = axes[0].get_legend_handles_labels()
    if paper_values(results):
        handles.append(Line2D([], [], marker="x", linestyle="", color=NEUTRAL))
        labels.append("paper (mean of 10)")
    axes[0].legend(handles, labels, loc="best" if np.isfinite(values).all() else "lower right")
    caption = (
        f"Relative accuracy of the hybrid network (a; band: within {1 - results.threshold:.0%} of the original) and exact "
        f"fraction of the {results.n_test:,} test points in the convex hull of the {results.n_train:,} training points (b), "
        f"against the dimension of the latent space. Small marks: {trials_of(results)}; large marks and lines: their means; "
        f"{intervals_of(results)}."
    )
    if {network for network, _ in sensitivity.ranges(results.folder)} & {results.networks[n] for n in members}:
        caption += " Broad bars: the range over what the paper does not state of its autoencoder."
    inside = results["/hull/mean"]
    alt = "Two panels against the bottleneck dimension. " + " ".join(
        f"{results.networks[n]}: relative accuracy {results['/relative_accuracy/mean'][n, 0]:.3f} at d = {results.bottlenecks[0]} and "
        f"{results['/relative_accuracy/mean'][n, -1]:.3f} at d = {results.bottlenecks[-1]}; "
        + (f"inside the hull {inside[n, 0]:.1%} and {inside[n, -1]:.1%}." if np.isfinite(inside[n]).any() else "hull not tested.")
        for n in members
    )
    return figure, pd.DataFrame(rows), caption, alt

"""What the paper did not measure: the hull in every space, of each class, of subsets, and of points left out of their own."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from .long_table import over_trials
from .style import NEUTRAL, colour_of, legend_below, marker_of

CLASS_HULLS = {"": "of all training points", "any_class": "of at least one class", "predicted_class": "of the predicted class",
               "true_class": "of the true class (uses the label)"}  # fmt: skip
SUBSET = re.compile(r"(\d+) training points")


def place_name(row):
    return f"d = {row.dimension}" if row.space == "latent" else row.space


def places(rows):
    """Names of the spaces in the order latent by d, neural, pixel."""
    order = {"latent": 0, "neural": 1, "pixel": 2}
    found = rows[["space", "dimension"]].drop_duplicates()
    found = found.assign(order=found.space.map(order)).sort_values(["order", "dimension"])
    return [place_name(r) for r in found.itertuples()]


def grid(count, label="inside the hull"):
    columns = min(3, count)
    lines = -(-count // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(max(4.4, 2.4 * columns + 0.2), 2.35 * lines + 0.5), squeeze=False, sharey=True)
    for axis in axes.ravel()[count:]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    return figure, axes.ravel()


def percent(axis):
    axis.set_ylim(-0.03, 1.06)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def draw_points(axis, rows, x, k, label):
    """Values with their intervals."""
    values = rows.value.to_numpy(float)
    axis.plot(x, values, "-", marker=marker_of(k), color=colour_of(k), label=label, linewidth=0.9, markersize=3.5)
    known = np.isfinite(rows[["lower", "upper"]].to_numpy(float)).all(axis=1)
    axis.vlines(np.asarray(x)[known], rows.lower[known], rows.upper[known], color=colour_of(k), linewidth=1)


def by_place(results, series, caption, alt, lengths=""):
    """One panel a network; x: spaces; series: (label, rows of the long table); lengths: what they are, if not shares."""
    every = pd.concat([rows for _, rows in series])
    names = places(every)
    figure, axes = grid(len(results.networks), lengths or "inside the hull")
    for axis, network in zip(axes, results.networks):
        for k, (label, rows) in enumerate(series):
            own = rows[rows.network == network]
            own = own.assign(place=[place_name(r) for r in own.itertuples()]).set_index("place")
            there = [name for name in names if name in own.index]
            draw_points(axis, own.loc[there], [names.index(name) for name in there], k, label)
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_title(network, loc="left")
        if not lengths:
            percent(axis)
    if lengths:
        positive = every.value[every.value > 0]
        axes[0].set_yscale("log")  # a bar that reaches 0 or below ends at the bottom
        axes[0].set_ylim(bottom=positive.min() / 2 if len(positive) else None)
    legend_below(figure, *axes[0].get_legend_handles_labels(), lines=1 + (len(results.networks) < 3))
    frame = every.assign(series=np.repeat([label for label, _ in series], [len(rows) for _, rows in series]))
    return figure, frame, caption, alt


def summary(rows, words):
    return words + " " + " ".join(f"{r.network}, {place_name(r)}: {r.value:.1%}." for r in rows.itertuples())[:900]


def spaces(results, table):
    """The fraction inside in every space, the baseline of principal components beside it, and training points left out."""
    inside = over_trials(table, "fraction_inside")
    series = [("test points", inside)]
    for statistic, label in (("fraction_inside_left_out", "training points, each left out"), ("fraction_inside_pca", "test points, principal components")):
        rows = over_trials(table, statistic)
        if len(rows):
            series.append((label, rows))
    if len(inside) == 0 or (len(series) == 1 and set(inside.space) == {"latent"}):
        return None  # Fig. 4 shows it
    caption = (
        "Fraction inside the hull of the training points, by space: latent spaces of d dimensions, the neural space and pixels. "
        "Beside the test points: a sample of training points, each asked of the hull of all others, and the test points among as many "
        "principal components of the same activations as the latent space has dimensions, where the study has them. Bars: 95 % "
        "intervals (crossed bootstrap of trials and test points; Student's t for the points left out)."
    )
    return by_place(results, series, caption, summary(inside, "Fraction of test points inside the hull."))


def distances(results, table):
    """How far outside the points are, in units of the space."""
    median, mean = (over_trials(table, statistic) for statistic in ("median_hull_distance_outside", "mean_hull_distance"))
    if len(mean) == 0:
        return None
    series = [("all, mean", mean[mean.measure == ""]), ("outside, median", median[median.measure == ""])]
    if len(median[median.measure == "predicted_class"]):
        series.append(("outside predicted class, median", median[median.measure == "predicted_class"]))
    caption = (
        "Distance of test points to the hull of the training points (0 inside), by space, in units of the median distance of a training point "
        "to its nearest other one in the same space and trial: at 1 a point is as far from the hull as training points are from each other. "
        "The mean of all, the median of those outside, and where there are class hulls the median of those outside the hull of the class that the "
        "network predicts; means over trials. Bars: 95 % intervals (Student's t)."
    )
    words = "Distance to the hull, median of the points outside. " + " ".join(f"{r.network}, {place_name(r)}: {r.value:.3g}." for r in series[1][1].itertuples())[:900]
    return by_place(results, series, caption, words, "distance to the hull, in\nneighbour distances")


def classes(results, table):
    rows = over_trials(table, "fraction_inside_class_hull")
    if len(rows) == 0:
        return None
    series = [(CLASS_HULLS[""], over_trials(table, "fraction_inside"))]
    series += [(label, rows[rows.measure == which]) for which, label in CLASS_HULLS.items() if which]
    caption = (
        "Fraction of test points inside the hull of all training points, of at least one class, of the class that the network "
        "predicts, and of their true class, which uses the label: it explains, and cannot predict. Bars: 95 % crossed-bootstrap intervals."
    )
    return by_place(results, series, caption, summary(rows[rows.measure == "predicted_class"], "Inside the hull of the predicted class."))


def per_class(results, table):
    """A row a class: inside the hull of its own class."""
    rows = over_trials(table, "fraction_inside_class_hull")
    rows = rows[rows.measure.str.match(r"true_class_\d+$")] if len(rows) else rows
    if len(rows) == 0:
        return None
    labels = sorted({int(m.rsplit("_", 1)[1]) for m in rows.measure})
    names = places(rows)
    figure, axes = grid(len(results.networks))
    image = None
    for axis, network in zip(axes, results.networks):
        values = np.full((len(labels), len(names)), np.nan)
        for r in rows[rows.network == network].itertuples():
            values[labels.index(int(r.measure.rsplit("_", 1)[1])), names.index(place_name(r))] = r.value
        image = axis.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(labels)), labels)
        axis.set_title(network, loc="left")
    for axis in axes[::3]:
        axis.set_ylabel("class")
    figure.colorbar(image, ax=list(axes), shrink=0.8, format=PercentFormatter(1.0, decimals=0), label="inside the hull of their class")
    caption = "Fraction of the test points of each class inside the hull of the training points of that class, mean over trials (uses the label)."
    worst, best = rows.loc[rows.value.idxmin()], rows.loc[rows.value.idxmax()]
    alt = (f"Colour table of class by space. From {worst.value:.1%} ({worst.network}, {place_name(worst)}, class {worst.measure.rsplit('_', 1)[1]}) "
           f"to {best.value:.1%} ({best.network}, {place_name(best)}, class {best.measure.rsplit('_', 1)[1]}).")  # fmt: skip
    return figure, rows, caption, alt


def subsets(results, table):
    """How the fraction grows with the number of training points."""
    rows = over_trials(table, "fraction_inside_subset")
    if len(rows) == 0:
        return None
    rows = rows.assign(points=[int(SUBSET.match(m).group(1)) for m in rows.measure])
    whole = over_trials(table, "fraction_inside").assign(points=results.n_train)
    every = pd.concat([rows, whole])
    names = places(every)
    figure, axes = grid(len(results.networks))
    for axis, network in zip(axes, results.networks):
        own = every[every.network == network]
        own = own.assign(place=[place_name(r) for r in own.itertuples()])
        for k, name in enumerate(names):
            line = own[own.place == name].sort_values("points")
            draw_points(axis, line, line.points.to_numpy(float), k, name)
        axis.set_xscale("log")
        axis.set_xlabel("training points in the hull's set")
        axis.set_title(network, loc="left")
        percent(axis)
        axis.axvline(results.n_train, color=NEUTRAL, linewidth=0.5, linestyle=":")
    legend_below(figure, *axes[0].get_legend_handles_labels(), lines=1 + (len(names) > 4 and len(results.networks) < 3))
    caption = (
        "Fraction of test points inside the hull of N training points, drawn by the seed, each set within the next, the same in all "
        f"trials; dotted: all {results.n_train:,}. Bars: 95 % crossed-bootstrap intervals."
    )
    return figure, every, caption, summary(rows[rows.points == rows.points.min()], f"Inside the hull of {rows.points.min():,} training points.")


FIGURES = [
    ("fig-spaces", "In which space inside the hull", spaces, "results.h5:/table, fraction_inside, fraction_inside_left_out, fraction_inside_pca"),
    ("fig-hull-distances", "How far outside", distances, "results.h5:/table, mean_hull_distance, median_hull_distance_outside"),
    ("fig-subsets", "More training points, more inside", subsets, "results.h5:/table, fraction_inside_subset"),
    ("fig-classes", "The hull of each class", classes, "results.h5:/table, fraction_inside_class_hull"),
    ("fig-per-class", "Class by class", per_class, "results.h5:/table, fraction_inside_class_hull, true_class_LABEL"),
]

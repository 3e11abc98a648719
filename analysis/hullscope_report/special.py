"""The figures of the two studies that have one of their own: Fig. 1 (a circle seen through tuning curves) and Fig. 2D (ten
Gaussian classes of known dimension)."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .pieces import number, with_interval
from .program import ReportError
from .reference import paper_reference
from .results import mean_over_trials
from .style import NEUTRAL, RIGHT, WRONG, colour_of, intervals_of, marker_of, panel_letter, trials_of

TOY = re.compile(r"toy-([1-9]\d*)$")
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def smallest_dimension(grid, values, threshold):
    """The stated rule: the smallest d at which relative accuracy reaches the threshold, there and at every larger d."""
    return next((int(d) for k, d in enumerate(grid) if (np.asarray(values)[k:] >= threshold).all()), -1)


# --- Fig. 2D


def toys(results):
    return {n: int(TOY.match(name).group(1)) for n, name in enumerate(results.networks) if TOY.match(name)}


def toy_figure(results):
    """(figure, frame, caption, alt), or None for another study."""
    found = toys(results)
    if not found:
        return None
    grid, reference = results.bottlenecks, paper_reference()["fig2d"]["rows"]
    figure, axis = plt.subplots(figsize=(5.2, 3.4))
    axis.axhspan(results.threshold, 1.0, color="#000000", alpha=0.07, linewidth=0)
    rows, words = [], []
    for k, (n, true) in enumerate(found.items()):
        values = results["/relative_accuracy/value"][n]
        mean, bounds = results["/relative_accuracy/mean"][n], results["/relative_accuracy/interval"][n]
        rule = smallest_dimension(grid, mean, results.threshold)
        axis.plot(grid, mean, "-", marker=marker_of(k), color=colour_of(k), label=f"true {true}, found {rule if rule > 0 else 'none'}")
        known = np.isfinite(bounds).all(axis=1)
        axis.vlines(np.array(grid)[known], bounds[known, 0], bounds[known, 1], color=colour_of(k), linewidth=1)
        paper = dict(enumerate(reference.get(str(true), []), 1))
        axis.plot([d for d in grid if d in paper], [paper[d] for d in grid if d in paper], "x", color=colour_of(k), markersize=4)
        single = [smallest_dimension(grid, v, results.threshold) for v in values]
        words.append(f"true dimension {true}: found {rule if rule > 0 else 'none'}, in {single.count(true)} of {len(single)} single trials.")
        for j, d in enumerate(grid):
            rows.append({"true_dimension": true, "d": d, "mean": mean[j], "lower": bounds[j, 0], "upper": bounds[j, 1], "paper": paper.get(d),
                         "found": rule, "trials_that_find_it": single.count(true), "trials": len(single)})  # fmt: skip
    axis.set_xticks(grid)
    axis.set_xlabel("bottleneck dimension d")
    axis.set_ylabel("relative accuracy")
    axis.legend(loc="best")
    caption = (
        f"Fig. 2D: ten Gaussian classes whose centres lie in a subspace of known dimension. Relative accuracy through the bottleneck, mean over "
        f"{trials_of(results)}; {intervals_of(results)}; crosses: the paper; band: within {1 - results.threshold:.0%}. The intrinsic "
        "dimension is the smallest d in the band, there and at every larger d."
    )
    return figure, pd.DataFrame(rows), caption, "Relative accuracy against the bottleneck dimension. " + " ".join(words)


# --- Fig. 1


class Circle:
    """The files of a study of the set `circle`, a study without networks."""

    def __init__(self, study):
        found = study.verdict()
        if found is None:
            raise ReportError(f"{study.folder}/input/hull.h5 is not there; run the study again: hullscope run STUDY.toml --output {study.folder}")
        self.verdict = found[1]
        self.train, self.test = (np.load(study.folder / f"input/{split}.npy").astype(float) for split in ("train", "test"))
        self.options = {"width": 0.3, "extent": 1.5, "units": 100.0}
        for key, value in re.findall(r"(\w+)=([-+.\deE]+)", study.data_set):
            self.options[key] = float(value)

    def centres(self):
        """Preferred points of the tuning curves (Vogel's sunflower)."""
        u = np.arange(int(self.options["units"]))
        radius = self.options["extent"] * np.sqrt((u + 0.5) / max(1, len(u)))
        return np.c_[radius * np.cos(GOLDEN_ANGLE * u), radius * np.sin(GOLDEN_ANGLE * u)]

    def positions(self, values):
        """The plane's points, read back from the curves: -2 w^2 log v is the squared distance to a preferred point, and the
        differences of two of these are linear in the point."""
        if self.options["units"] == 0:
            return values
        centres = self.centres()
        square = -2 * self.options["width"] ** 2 * np.log(np.maximum(values, 1e-300))
        design = -2 * (centres[1:] - centres[0])
        right = (square[:, 1:] - square[:, :1]) - ((centres[1:] ** 2).sum(1) - (centres[0] ** 2).sum())
        return np.linalg.lstsq(design, right.T, rcond=None)[0].T


def circle_of(study):
    """The study's Circle; None for another data set."""
    if study.data_set.partition("?")[0] != "circle":
        return None
    missing = [s for s in ("train", "test") if not (study.folder / f"input/{s}.npy").is_file()]
    if missing:
        raise ReportError(f"{study.folder}/input/{missing[0]}.npy is not there; run the study again: hullscope run STUDY.toml --output {study.folder}")
    return Circle(study)


def circle_figure(circle):
    train, test = circle.positions(circle.train), circle.positions(circle.test)
    inside, units = circle.verdict == 1, int(circle.options["units"])
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.5))
    for axis in axes:
        axis.set_aspect("equal")
        axis.set_xticks([-1, 0, 1])
        axis.set_yticks([-1, 0, 1])
    axes[0].fill(*train.T, color="#000000", alpha=0.05, linewidth=0)
    axes[0].plot(*train.T, "o", color="black", markersize=2, label=f"{len(train):,} training points")
    for state, colour, marker, words in ((inside, RIGHT, "o", "inside"), (~inside, WRONG, "x", "outside")):
        axes[0].plot(*test[state].T, marker, color=colour, markersize=2.4, label=f"{state.sum():,} test points {words}", linestyle="")
    axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, handletextpad=0.1, columnspacing=1)
    panel_letter(axes[0], "a", "Points of the plane, and their verdict")
    if units:
        centres = circle.centres()
        axes[1].plot(*centres.T, "+", color=NEUTRAL, markersize=3.5)
        x = np.linspace(-1.6, 1.6, 161)
        mesh = np.stack(np.meshgrid(x, x), -1)
        for k in range(min(units, 14)):
            curve = np.exp(-((mesh - centres[17 * k % units]) ** 2).sum(-1) / (2 * circle.options["width"] ** 2))
            axes[1].contour(x, x, curve, levels=[0.5], colors=[colour_of(k)], linewidths=0.8)
        axes[1].add_patch(plt.Circle((0, 0), 1, fill=False, color="black", linewidth=0.7))
        panel_letter(axes[1], "b", f"{units} tuning curves: centres, some half-heights")
    else:
        axes[1].set_visible(False)
    frame = pd.DataFrame(np.r_[train, test], columns=["x", "y"])
    frame.insert(0, "split", ["train"] * len(train) + ["test"] * len(test))
    frame["verdict"] = [""] * len(train) + list(np.array(["undecided", "inside", "outside"])[circle.verdict])
    where = f"seen through {units} bell-shaped tuning curves" if units else "in the plane itself"
    caption = (
        f"Fig. 1: training points on a circle, test points within it, {where}: {inside.sum():,} of the {len(test):,} test points are in the convex "
        "hull of the training points. All verdicts are proved. The paper draws the same picture with a few points and names no numbers."
    )
    return figure, frame, caption, f"A circle of {len(train)} training points with {len(test)} test points within; {inside.sum()} of them are inside the hull."


def toy_values(results):
    """Head and rows of Fig. 2D, value by value: ours and below it the paper's."""
    grid, reference = results.bottlenecks, paper_reference()["fig2d"]["rows"]
    rows = []
    for (n, true), found in zip(toys(results).items(), toy_table(results)[1]):
        mean = mean_over_trials(results["/relative_accuracy/value"][n], 0)
        bounds = results["/relative_accuracy/interval"][n]
        rows.append([*found[:3], *(with_interval(mean[k], bounds[k], 3) for k in range(len(grid)))])
        paper = dict(enumerate(reference.get(str(true), []), 1))
        rows.append([f"{true}, paper", "", "", *(number(paper.get(d), 3) for d in grid)])
    return ["true dimension", f"found (mean of {len(results.trials)} trials)", "trials that find it", *(f"d = {d}" for d in grid)], rows


def toy_table(results):
    """Head and rows: the rule on the mean and in single trials."""
    rows = []
    for n, true in toys(results).items():
        values = results["/relative_accuracy/value"][n]
        single = [smallest_dimension(results.bottlenecks, v, results.threshold) for v in values]
        found = smallest_dimension(results.bottlenecks, mean_over_trials(values, 0), results.threshold)
        rows.append([str(true), str(found) if found > 0 else "none", f"{single.count(true)} of {len(single)}", "yes" if found == true else "no"])
    return ["true dimension", "found (mean over trials)", "single trials that find it", "recovered"], rows

"""The figures of a study: each function returns a matplotlib figure, its data frame (the CSV) and its caption."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter

from .results import mean_over_trials, paper_values

# Okabe and Ito's palette: told apart by colour-blind readers, and in grey by the markers.
NETWORK_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
NETWORK_MARKERS = "os^Dv<>P"
WRONG, RIGHT, NEUTRAL = "#D55E00", "#0072B2", "#555555"
MEASURE_NAMES = {
    "euclidean": "Euclidean distance",
    "euclidean_true_class": "Euclidean distance to the true class",
    "cosine": "cosine distance",
}
MEASURE_TITLES = {
    "euclidean": "Euclidean distance to the nearest training point",
    "euclidean_true_class": "Euclidean distance to the nearest training point of the true class (uses the label)",
    "cosine": "cosine distance to the nearest training point",
}
TERM_NAMES = {"distance": "distance", "in_hull": "in hull", "interaction": "distance\n× in hull"}

plt.rcParams.update(
    {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 4,
        "svg.fonttype": "none",
        "svg.hashsalt": "hullscope",
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08,
    }
)


def panel_letter(axis, letter, title):
    axis.set_title(f"$\\bf{{{letter}}}$  {title}", loc="left", pad=6)


def spread(count, width=0.12):
    """Offsets that keep `count` points at one place apart."""
    return np.zeros(1) if count == 1 else np.linspace(-width, width, count)


def intervals_of(results):
    return "Student-t 95 % intervals of the mean" if results.intervals else "no intervals (fewer than 5 trials)"


def dimension_axis(axis, bottlenecks):
    if min(bottlenecks) > 0 and len(bottlenecks) > 1:
        axis.set_xscale("log", base=2)
    axis.set_xticks(bottlenecks, [str(d) for d in bottlenecks])
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.minorticks_off()
    axis.set_xlabel("bottleneck dimension d")


def against_dimension(results):
    """The paper's Fig. 4: relative accuracy and the fraction in the hull against d."""
    panels = [
        ("relative_accuracy", "/relative_accuracy/value", "/relative_accuracy/mean", "/relative_accuracy/interval",
         "relative accuracy", "relative_accuracy"),
        ("fraction_inside", "/hull/inside", "/hull/mean", "/hull/interval",
         "test points inside the hull", "fraction_in_hull"),
    ]  # fmt: skip
    paper = paper_values(results)
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0))
    rows = []
    d = np.array(results.bottlenecks)
    for axis, letter, (name, value_path, mean_path, interval_path, label, paper_key) in zip(axes, "ab", panels):
        values, means, bounds = results[value_path], results[mean_path], results[interval_path]
        if name == "relative_accuracy":
            axis.axhspan(results.threshold, 1.0, color="#000000", alpha=0.07, linewidth=0)
        for n, network in enumerate(results.networks):
            colour, marker = NETWORK_COLOURS[n % 8], NETWORK_MARKERS[n % 8]
            shift = 2 ** (0.06 * (n - (len(results.networks) - 1) / 2))  # keeps networks apart on the log axis
            for trial in range(values.shape[1]):
                axis.plot(d * shift, values[n, trial], marker, color=colour, alpha=0.35, markersize=3, markeredgewidth=0)
            known = np.isfinite(bounds[n]).all(axis=-1)
            axis.vlines((d * shift)[known], bounds[n, known, 0], bounds[n, known, 1], color=colour, linewidth=1)
            axis.plot(d * shift, means[n], "-", marker=marker, color=colour, label=network)
            if network in paper:
                row = paper[network]
                axis.plot(row["bottleneck"], row[paper_key], "x", color=colour, markersize=5)
            for k, dimension in enumerate(d):
                rows.append(
                    {"panel": name, "network": network, "d": dimension, "mean": means[n, k], "lower": bounds[n, k, 0],
                     "upper": bounds[n, k, 1], "trials": values.shape[1],
                     **{f"trial_{t}": values[n, i, k] for i, t in enumerate(results.trials)}}
                )  # fmt: skip
        dimension_axis(axis, results.bottlenecks)
        axis.set_ylabel(label)
        panel_letter(axis, letter, "Accuracy through the bottleneck" if letter == "a" else "In the convex hull")
    axes[1].set_ylim(-0.03, 1.03)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    low = np.nanmin(results["/relative_accuracy/value"]) if results["/relative_accuracy/value"].size else 0.9
    axes[0].set_ylim(min(low - 0.15 * (1 - min(low, 0.99)), 0.985), None)
    handles, labels = axes[0].get_legend_handles_labels()
    if paper:
        handles.append(Line2D([], [], marker="x", linestyle="", color=NEUTRAL))
        labels.append("paper (mean of 10)")
    axes[0].legend(handles, labels, loc="lower right")
    caption = (
        f"Relative accuracy of the hybrid network (a; band: within {1 - results.threshold:.0%} of the original) and exact "
        f"fraction of the {results.n_test:,} test points in the convex hull of the {results.n_train:,} training points (b), "
        f"against the dimension of the latent space. Small marks: the {len(results.trials)} trials; large marks and "
        f"lines: their means; {intervals_of(results)}."
    )
    return figure, pd.DataFrame(rows), caption


def space_index(results, name):
    """Position of a space (latent, neural, pixel) among the results', or None."""
    for k, space in enumerate(results.spaces):
        if space.startswith(name):
            return k
    return None


def draw_accuracy_by_distance(axis, results, n, m, space, rows):
    """Ten bins of distance by the paper's rule, a line a trial."""
    k = space_index(results, space)
    if k is None:
        return not_there(axis, f"{space} space not studied")
    centre, accuracy = (results[f"/bins/paper/{name}"][n, :, k, m, :] for name in ("centre", "accuracy"))
    count = results["/bins/paper/count"][n, :, k, m, :]
    if not np.isfinite(accuracy).any():
        return not_there(axis, "no finite distances")
    for t, trial in enumerate(results.trials):
        axis.plot(centre[t], accuracy[t], "-o", color=RIGHT, alpha=1 if t == 0 else 0.35, markersize=3,
                  linewidth=1.1 if t == 0 else 0.8)  # fmt: skip
        for b in range(centre.shape[1]):
            rows.append({"panel": f"accuracy by distance, {space}", "trial": trial, "bin": b, "distance": centre[t, b],
                         "accuracy": accuracy[t, b], "count": count[t, b]})  # fmt: skip
    axis.set_xlabel("distance")
    axis.set_ylabel("accuracy")
    low = min(np.nanmin(accuracy), 0.95)
    axis.set_ylim(low - 0.08 * (1 - low), 1 + 0.08 * (1 - low))


def not_there(axis, words):
    axis.text(0.5, 0.5, words, ha="center", va="center", transform=axis.transAxes, color=NEUTRAL)
    axis.set_xticks([])
    axis.set_yticks([])


def draw_distance_by_cell(axis, results, n, m, rows):
    """Mean distance of right and wrong answers, outside and inside the hull: a mark a trial, a line at their mean."""
    mean, count = results["/distance_by_cell/mean"][n, :, m], results["/distance_by_cell/count"][n, :, m]
    for inside in (0, 1):
        for outcome, colour, shift in ((1, RIGHT, -0.17), (0, WRONG, 0.17)):
            values = mean[:, outcome, inside]
            x = inside + shift
            axis.plot(x + spread(len(values), 0.07), values, "o", color=colour, alpha=0.55, markersize=3.2,
                      markeredgewidth=0)  # fmt: skip
            axis.hlines(mean_over_trials(values, 0), x - 0.12, x + 0.12, color=colour, linewidth=1.6)
            average = count[:, outcome, inside].mean()
            axis.annotate(f"{average:,.0f}", (x, 0.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
                          textcoords="offset points", ha="center", fontsize=6, color=colour)  # fmt: skip
            for t, trial in enumerate(results.trials):
                rows.append({"panel": "mean distance by outcome and membership", "trial": trial,
                             "outcome": ["wrong", "right"][outcome], "membership": ["outside", "inside"][inside],
                             "distance": values[t], "count": count[t, outcome, inside]})  # fmt: skip
    low, high = (np.nanmin(mean), np.nanmax(mean)) if np.isfinite(mean).any() else (0, 1)
    margin = 0.1 * (high - low) or 0.1
    axis.set_ylim(low - 2.2 * margin, high + margin)
    axis.set_xlim(-0.5, 1.5)
    axis.set_xticks([0, 1], ["outside", "inside the hull"])
    axis.set_ylabel("mean distance")
    axis.legend(
        handles=[Line2D([], [], marker="o", linestyle="", color=RIGHT, label="right"),
                 Line2D([], [], marker="o", linestyle="", color=WRONG, label="wrong")],
        loc="upper right", handletextpad=0.1, borderaxespad=0)  # fmt: skip


def draw_logit(axis, results, n, m, rows):
    """z values of the logit's terms: the paper's fit (filled) and the standardised one (hollow), a mark a trial."""
    terms = [str(t) for t in results["/term"]]
    shown = [t for t in TERM_NAMES if t in terms]
    largest = 4.0
    for kind, shift, style in (("raw", -0.16, {}), ("standardised", 0.16, {"markerfacecolor": "white"})):
        z = results[f"/logit/{kind}/z"][n, :, m]
        p = results[f"/logit/{kind}/p"][n, :, m]
        for x, term in enumerate(shown):
            values = z[:, terms.index(term)]
            axis.plot(x + shift + spread(len(values), 0.09), values, "o", color=RIGHT, markersize=3.4, markeredgewidth=0.9,
                      **style)  # fmt: skip
            finite = values[np.isfinite(values)]
            if len(finite):
                largest = max(largest, np.abs(finite).max())
            for t, trial in enumerate(results.trials):
                rows.append({"panel": f"logit, {kind}", "trial": trial, "term": term, "z": values[t],
                             "p": p[t, terms.index(term)]})  # fmt: skip
    axis.axhspan(-1.96, 1.96, color="#000000", alpha=0.07, linewidth=0)
    axis.axhline(0, color=NEUTRAL, linewidth=0.6)
    axis.set_ylim(-1.15 * largest, 1.35 * largest)
    axis.set_xlim(-0.5, len(shown) - 0.5)
    axis.set_xticks(range(len(shown)), [TERM_NAMES[t] for t in shown])
    axis.set_ylabel("z value")
    axis.legend(
        handles=[Line2D([], [], marker="o", linestyle="", color=RIGHT, label="as in the paper"),
                 Line2D([], [], marker="o", linestyle="", color=RIGHT, markerfacecolor="white", label="standardised")],
        loc="upper center", ncols=2, handletextpad=0.1, columnspacing=1, borderaxespad=0)  # fmt: skip
    if not np.isfinite(results["/logit/raw/z"][n, :, m]).any():
        axis.text(0.5, 0.5, "no fit possible", ha="center", va="center", transform=axis.transAxes, color=NEUTRAL)


def draw_distributions(axis, results, n, m, rows):
    """Densities of distance for right and wrong answers in the neural space (first trial)."""
    k = space_index(results, "neural")
    if k is None:
        return not_there(axis, "neural space not studied")
    edges = results["/histogram/edges"][n, 0, k, m]
    counts = results["/histogram/count"][n, 0, k, m]
    if not np.isfinite(edges).all():
        return not_there(axis, "no finite distances")
    for outcome, colour, name in ((1, RIGHT, "right"), (0, WRONG, "wrong")):
        total = counts[outcome].sum()
        if total == 0 or edges[-1] == edges[0]:
            continue
        density = counts[outcome] / total / np.diff(edges)
        axis.stairs(density, edges, color=colour, fill=True, alpha=0.25, linewidth=0)
        axis.stairs(density, edges, color=colour, linewidth=1.1, label=f"{name} (n = {total:,})")
        for b, (left, right, c) in enumerate(zip(edges[:-1], edges[1:], counts[outcome])):
            rows.append({"panel": "distribution, neural", "trial": results.trials[0], "outcome": name, "bin": b,
                         "distance": (left + right) / 2, "count": c})  # fmt: skip
    ks = results["/ks/statistic"][n, :, k, m]
    axis.set_xlabel("distance")
    axis.set_ylabel("density")
    axis.set_yticks([])
    axis.legend(loc="upper right", title=f"KS = {ks[0]:.3f}", title_fontsize=7.5, alignment="left")


def distance_and_answer(results, n, m):
    """The paper's Fig. 5 for one network and one measure of proximity."""
    network, measure = results.networks[n], results.measures[m]
    figure = plt.figure(figsize=(7.2, 4.6))
    grid = figure.add_gridspec(2, 6)
    axes = [figure.add_subplot(grid[0, 0:2]), figure.add_subplot(grid[0, 2:4]), figure.add_subplot(grid[0, 4:6]),
            figure.add_subplot(grid[1, 0:3]), figure.add_subplot(grid[1, 3:6])]  # fmt: skip
    rows = []
    draw_accuracy_by_distance(axes[0], results, n, m, "neural", rows)
    draw_accuracy_by_distance(axes[1], results, n, m, "latent", rows)
    draw_distance_by_cell(axes[2], results, n, m, rows)
    draw_logit(axes[3], results, n, m, rows)
    draw_distributions(axes[4], results, n, m, rows)
    titles = ["Accuracy, neural space", f"Accuracy, latent d = {results.dimension}",
              f"Mean distance, d = {results.dimension}", f"Logit of a right answer, d = {results.dimension}",
              "Distances, neural space"]  # fmt: skip
    for axis, letter, title in zip(axes, "abcde", titles):
        panel_letter(axis, letter, title)
        if measure == "euclidean_true_class":
            axis.set_facecolor("#f3f3f3")
    figure.suptitle(f"{network}: {MEASURE_TITLES.get(measure, measure)}", fontsize=9)
    frame = pd.DataFrame(rows)
    frame.insert(0, "measure", measure)
    frame.insert(0, "network", network)
    trials = len(results.trials)
    caption = (
        f"{network}, {MEASURE_NAMES.get(measure, measure)} to the nearest of the {results.n_train:,} training points, "
        f"n = {results.n_test:,} test points, {trials} trial{'s' if trials != 1 else ''}. Accuracy in ten bins of distance, by the paper's rule, "
        f"in the neural space (a) and in the latent space d = {results.dimension} (b), a line a trial (dark: the first); "
        "mean distance of right and wrong answers outside and inside the hull, a mark a trial, bars at the means, mean "
        "counts below (c); z values of the logit `correct ~ distance + in hull + distance × in hull`, a mark a trial, the "
        "paper's fit and one with distance centred and scaled; band: |z| < 1.96 (d); distances of right and wrong answers "
        "in the neural space, first trial, with the Kolmogorov–Smirnov statistic (e)."
    )
    if measure == "euclidean_true_class":
        caption += " This measure looks at the true label: it explains, and cannot be used to predict (grey panels)."
    return figure, frame, caption


def all_figures(results):
    """(name, title, figure, frame, caption) of every figure of the study, in the paper's order."""
    yield ("fig4", "Relative accuracy and fraction in the hull", *against_dimension(results))
    for m, measure in enumerate(results.measures if results.spaces else []):  # none where no distances were measured
        for n, network in enumerate(results.networks):
            yield (
                f"fig5-{measure}-{network}",
                f"{network}: {MEASURE_NAMES.get(measure, measure)}",
                *distance_and_answer(results, n, m),
            )

"""The paper's Fig. 5 and S1 to S12, one of a family of networks and a measure of proximity each: how a right answer goes
with the distance to the training set and with being in its hull."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from .compare import paper_panel
from .results import mean_over_trials
from .style import (NEUTRAL, RIGHT, TERM_NAMES, USES_LABEL, WRONG, colour_of, legend_below, marker_of, measure_name, not_there,
                    panel_letter, space_index, spread, trials_of)  # fmt: skip


def best_of(results, members):
    """The family's network of the highest mean test accuracy."""
    return max(members, key=lambda n: results["/accuracy/test_mean"][n])


def draw_accuracy_by_distance(axis, results, n, m, space, published, rows):
    """Ten bins of distance by the paper's rule, a line a trial (dark: the first); squares: exact deciles of the first."""
    k = space_index(results, space)
    if k is None:
        return not_there(axis, f"{space} space not studied")
    centre, accuracy = (results[f"/bins/paper/{name}"][n, :, k, m, :] for name in ("centre", "accuracy"))
    count = results["/bins/paper/count"][n, :, k, m, :]
    if not np.isfinite(accuracy).any():
        return not_there(axis, "no finite distances")
    for t, trial in reversed(list(enumerate(results.trials))):
        first = t == 0
        axis.plot(centre[t], accuracy[t], "-o", color=RIGHT, alpha=1 if first else 0.3, markersize=3, linewidth=1.1 if first else 0.7)
        for b in range(centre.shape[1]):
            rows.append({"panel": f"accuracy by distance, {space}", "network": results.networks[n], "trial": trial, "bin": b,
                         "distance": centre[t, b], "accuracy": accuracy[t, b], "count": count[t, b]})  # fmt: skip
    decile, exact = (results[f"/bins/decile/{name}"][n, 0, k, m, :] for name in ("mean_distance", "accuracy"))
    axis.plot(decile, exact, "s", color=RIGHT, markersize=3.4, markerfacecolor="none", markeredgewidth=0.7)
    if published:
        axis.plot(*zip(*published), "x", color=NEUTRAL, markersize=4.5)
    axis.set_xlabel("distance")
    axis.set_ylabel("accuracy")
    low = min(np.nanmin(accuracy), np.nanmin(exact) if np.isfinite(exact).any() else 1, 0.95, *(y for _, y in published or []))
    axis.set_ylim(low - 0.08 * (1 - low), 1 + 0.08 * (1 - low))


def draw_distance_by_cell(axis, results, members, m, rows):
    """Mean distance of right and wrong answers, outside and inside the hull: a mark a trial, a bar at their mean."""
    low, high = np.inf, -np.inf
    for k, n in enumerate(members):
        mean, count = results["/distance_by_cell/mean"][n, :, m], results["/distance_by_cell/count"][n, :, m]
        for inside in (0, 1):
            for outcome, colour, shift in ((1, RIGHT, -0.11), (0, WRONG, 0.11)):
                values = mean[:, outcome, inside]
                x = inside * (len(members) + 0.6) + k + shift
                axis.plot(x + spread(len(values), 0.06), values, marker_of(k), color=colour, alpha=0.5, markersize=2.6, markeredgewidth=0)
                if np.isfinite(values).any():
                    axis.hlines(mean_over_trials(values, 0), x - 0.1, x + 0.1, color=colour, linewidth=1.6)
                for t, trial in enumerate(results.trials):
                    rows.append({"panel": "mean distance by outcome and membership", "network": results.networks[n], "trial": trial,
                                 "outcome": ["wrong", "right"][outcome], "membership": ["outside", "inside"][inside],
                                 "distance": values[t], "count": count[t, outcome, inside]})  # fmt: skip
        if np.isfinite(mean).any():
            low, high = min(low, np.nanmin(mean)), max(high, np.nanmax(mean))
    if low > high:
        return not_there(axis, "hull or distances not there")
    margin = 0.1 * (high - low) or 0.1
    axis.set_ylim(low - margin, high + 2.6 * margin)
    centre = (len(members) - 1) / 2
    axis.set_xticks([centre, centre + len(members) + 0.6], ["outside", "inside"])
    axis.set_ylabel("mean distance")
    axis.legend(handles=[Line2D([], [], marker="o", linestyle="", color=RIGHT, label="right"),
                         Line2D([], [], marker="o", linestyle="", color=WRONG, label="wrong")],
                loc="upper center", ncols=2, handletextpad=0.1, columnspacing=1, borderaxespad=0).set_in_layout(False)  # fmt: skip


def draw_logit(axis, results, members, m, published, rows):
    """z values of the paper's fit, a mark a trial and network; hollow: the standardised fit; crosses: the paper's trials."""
    terms = [str(t) for t in results["/term"]]
    shown = [t for t in TERM_NAMES if t in terms]
    largest, width = 4.0, 0.8 / len(members)
    for k, n in enumerate(members):
        for kind, part, style in (("raw", -0.2, {}), ("standardised", 0.15, {"markerfacecolor": "white"})):
            z, p = results[f"/logit/{kind}/z"][n, :, m], results[f"/logit/{kind}/p"][n, :, m]
            for x, term in enumerate(shown):
                values = z[:, terms.index(term)]
                at = x + (k - (len(members) - 1) / 2 + part) * width
                axis.plot(at + spread(len(values), width * 0.1), values, marker_of(k), color=colour_of(k), markersize=2.8,
                          markeredgewidth=0.7, **style)  # fmt: skip
                if np.isfinite(values).any():
                    largest = max(largest, np.nanmax(np.abs(values)))
                for t, trial in enumerate(results.trials):
                    rows.append({"panel": f"logit, {kind}", "network": results.networks[n], "trial": trial, "term": term,
                                 "z": values[t], "p": p[t, terms.index(term)]})  # fmt: skip
        for x, term in enumerate(shown if published else []):
            values = published.get(results.networks[n], {}).get(term, [])
            at = x + (k - (len(members) - 1) / 2 + 0.4) * width
            axis.plot(np.full(len(values), at), values, "x", color=NEUTRAL, markersize=2.6, markeredgewidth=0.6)
            largest = max([largest, *map(abs, values)])
    axis.axhspan(-1.96, 1.96, color="#000000", alpha=0.07, linewidth=0)
    axis.axhline(0, color=NEUTRAL, linewidth=0.6)
    axis.set_ylim(-1.1 * largest, 1.1 * largest)
    axis.set_xlim(-0.5, len(shown) - 0.5)
    axis.set_xticks(range(len(shown)), [TERM_NAMES[t] for t in shown])
    axis.set_ylabel("z value")
    handles = [Line2D([], [], marker=marker_of(k), linestyle="", color=colour_of(k), label=results.networks[n]) for k, n in enumerate(members)]
    handles.append(Line2D([], [], marker="o", linestyle="", color=NEUTRAL, markerfacecolor="white", label="standardised"))
    if published:
        handles.append(Line2D([], [], marker="x", linestyle="", color=NEUTRAL, label="paper"))
    legend_below(axis.get_figure(), handles, [h.get_label() for h in handles], lines=1 + (len(handles) > 7))
    if not np.isfinite(results["/logit/raw/z"][members][:, :, m]).any():
        axis.text(0.5, 0.35, "no fit possible", ha="center", va="center", transform=axis.transAxes, color=NEUTRAL)


def draw_distributions(axis, results, n, m, rows):
    """Densities of distance of right and wrong answers in the neural space (best network, first trial)."""
    k = space_index(results, "neural")
    if k is None:
        return not_there(axis, "neural space not studied")
    edges, counts = results["/histogram/edges"][n, 0, k, m], results["/histogram/count"][n, 0, k, m]
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
            rows.append({"panel": "distribution, neural", "network": results.networks[n], "trial": results.trials[0], "outcome": name,
                         "bin": b, "distance": (left + right) / 2, "count": c})  # fmt: skip
    axis.set_xlabel("distance")
    axis.set_ylabel("density")
    axis.set_yticks([])
    axis.locator_params(axis="x", nbins=4)
    low, high = axis.get_ylim()
    axis.set_ylim(low, low + 1.25 * (high - low))
    axis.legend(loc="upper right", fontsize=6.5, borderaxespad=0).set_in_layout(False)


def draw_ks(axis, results, members, m, published, rows):
    """Kolmogorov-Smirnov statistic of right against wrong in the neural space, a mark a trial."""
    k = space_index(results, "neural")
    if k is None:
        return not_there(axis, "neural space not studied")
    for x, n in enumerate(members):
        values = results["/ks/statistic"][n, :, k, m]
        axis.plot(x + spread(len(values), 0.12), values, marker_of(x), color=colour_of(x), alpha=0.6, markersize=3, markeredgewidth=0)
        axis.hlines(mean_over_trials(values, 0), x - 0.2, x + 0.2, color=colour_of(x), linewidth=1.6)
        if published and results.networks[n] in published:
            axis.plot(x + 0.3, published[results.networks[n]], "x", color=NEUTRAL, markersize=4.5)
        for t, trial in enumerate(results.trials):
            rows.append({"panel": "KS, neural", "network": results.networks[n], "trial": trial, "ks": values[t]})
    axis.set_ylim(0, 1)
    axis.set_xlim(-0.5, len(members) - 0.5)
    axis.set_xticks(range(len(members)), [results.networks[n].rpartition("-")[2] for n in members])
    axis.set_ylabel("KS statistic")


def nearest_words(measure):
    words = measure_name(measure)
    return words.replace(" to the ", " to the nearest training point of the ") if " to the " in words else f"{words} to the nearest training point"


def draw(results, family, members, m):
    """(figure, frame, caption, alt) of a family and a measure."""
    measure, best = results.measures[m], best_of(results, members)
    published = paper_panel(results, family, measure)
    of_best = published and published["best"] == results.networks[best]
    figure = plt.figure(figsize=(7.4, 5.3))
    rows_of = figure.add_gridspec(2, 1)
    grids = [rows_of[0].subgridspec(1, 3), rows_of[1].subgridspec(1, 3, width_ratios=[2, 1.1, 0.9])]
    axes = [figure.add_subplot(grid[0, k]) for grid in grids for k in range(3)]
    rows = []
    draw_accuracy_by_distance(axes[0], results, best, m, "neural", published["neural"] if of_best else None, rows)
    draw_accuracy_by_distance(axes[1], results, best, m, "latent", published["latent"] if of_best and results.dimension == 16 else None, rows)
    draw_distance_by_cell(axes[2], results, members, m, rows)
    draw_distributions(axes[4], results, best, m, rows)
    draw_ks(axes[5], results, members, m, published["ks"] if published else None, rows)
    draw_logit(axes[3], results, members, m, published["z"] if published else None, rows)
    name = results.networks[best]
    titles = ["Accuracy, neural", f"Accuracy, d = {results.dimension}", f"Mean distance, d = {results.dimension}", f"Logit, d = {results.dimension}",
              "Distances, neural", "KS, neural"]  # fmt: skip
    for axis, letter, title in zip(axes, "abcdef", titles):
        panel_letter(axis, letter, title)
        if measure == USES_LABEL:
            axis.set_facecolor("#f3f3f3")
    frame = pd.DataFrame(rows)
    frame.insert(0, "measure", measure)
    caption = (
        f"{family}: {nearest_words(measure)}, {results.n_train:,} training points, n = {results.n_test:,} test points, "
        f"{trials_of(results)}. Accuracy of {name} in ten bins of distance by the paper's rule, in the neural space (a) and the latent "
        f"space d = {results.dimension} (b), a line a trial, dark the first; squares: exact deciles of the first. Mean distance of right "
        "and wrong answers outside and inside the hull, a mark a trial, bars at the means (c). z values of the logit correct ~ distance "
        "+ in hull + distance × in hull, a mark a trial; hollow: distance centred and scaled; band: |z| < 1.96 (d). Distances of "
        f"right and wrong answers, {name}, first trial (e), and the Kolmogorov–Smirnov statistic of each network (f)."
        + (" Crosses: the paper's values." if published else "")
        + (" This measure looks at the true label: it explains, and cannot predict (grey panels)." if measure == USES_LABEL else "")
    )
    return figure, frame, caption, alt_text(results, family, members, m, best)


def alt_text(results, family, members, m, best):
    k = space_index(results, "latent")
    words = [f"Six panels about {family} and {measure_name(results.measures[m])}."]
    if k is not None and np.isfinite(results["/bins/paper/accuracy"][best, 0, k, m]).any():
        accuracy = results["/bins/paper/accuracy"][best, 0, k, m]
        words.append(f"Accuracy of {results.networks[best]} is {accuracy[0]:.3f} in the nearest bin and {accuracy[-1]:.3f} in the farthest.")
    terms = [str(t) for t in results["/term"]]
    for n in members:
        z = mean_over_trials(results["/logit/raw/z"][n, :, m], 0)
        if np.isfinite(z).any():
            words.append(f"{results.networks[n]}: mean z of distance {z[terms.index('distance')]:.1f}, of in hull {z[terms.index('in_hull')]:.1f}.")
    return " ".join(words)

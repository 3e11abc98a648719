"""Further test sets: accuracy and hull under shift, and how well each measure tells foreign points from known ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .hull_figures import CLASS_HULLS, draw_points, percent, place_name
from .pieces import number, slug, with_interval
from .results import WRONG_FOR_AUROC
from .style import legend_below, measure_name, spread

COLUMNS = ("test_set", "strength")
UNSHIFTED = {"contrast": 1.0}  # the strength that changes nothing; of all other shifts 0
STRENGTHS = {"rotation": "rotation (degrees)", "translation": "translation (pixels)", "noise": "noise (standard deviation)",
             "contrast": "contrast (factor)"}  # fmt: skip


def set_rows(results, table):
    """Rows of the statistics set_... over trials, with the set and its strength; empty if the study has none."""
    rows = table[(table.trial == -1) & table.statistic.str.startswith("set_")].copy()
    for name in COLUMNS:
        values = results[f"/table/{name}"] if f"/table/{name}" in results else np.full(len(table), "" if name == "test_set" else np.nan)
        rows[name] = np.asarray(values)[rows.index] if len(rows) else []
    return rows


def set_name(row):
    if not row.test_set:
        return "own test set"
    return row.test_set + (f" {row.strength:g}" if np.isfinite(row.strength) else "")


def by_strength(rows, name, kind):
    """Rows of one shift and, if it is not among them, of the strength that changes nothing: the study's own test set."""
    shifted, origin = rows[(rows.test_set == name) & np.isfinite(rows.strength)], UNSHIFTED.get(kind, 0.0)
    own = rows[rows.test_set == ""].assign(strength=origin) if not (shifted.strength == origin).any() else rows[:0]
    return pd.concat([own, shifted]), origin


def shift_figure(results, rows, name):
    """One panel a network: accuracy and fraction inside by the strength of one shift."""
    kind = next((test.get("shift", "") for test in results.study.get("test", []) if test.get("name") == name), "")
    own, origin = by_strength(rows, name, kind)
    series = [("accuracy", own[own.statistic == "set_accuracy"])]
    inside = own[own.statistic == "set_fraction_inside"]
    widest = inside[inside.space == "latent"].dimension.max()
    for space in ("latent", "neural", "pixel"):
        of_space = inside[(inside.space == space) & ((inside.dimension == widest) | (space != "latent"))]
        if len(of_space):
            series.append((f"inside, {place_name(next(of_space.itertuples()))}", of_space))
    networks, beside = [w for w in results.networks if w in set(own.network)], spread(len(series), 0.016)
    columns = min(3, len(networks))
    figure, axes = plt.subplots(-(-len(networks) // columns), columns, figsize=(max(3.6, 2.4 * columns + 0.2), 2.4 * -(-len(networks) // columns) + 0.6),
                                squeeze=False, sharey=True)  # fmt: skip
    for axis in axes.ravel()[len(networks) :]:
        axis.set_visible(False)
    for axis, network in zip(axes.ravel(), networks):
        for k, (label, values) in enumerate(series):
            values = values[values.network == network].sort_values("strength")
            aside = beside[k] * np.ptp(own.strength)  # so that curves which coincide are both seen
            draw_points(axis, values, values.strength.to_numpy(float) + aside, k, label)
        axis.set_title(network, loc="left")
        axis.set_xlabel(STRENGTHS.get(kind, "strength"))
        percent(axis)
    axes[0, 0].set_ylabel("share of the test points")
    legend_below(figure, *axes[0, 0].get_legend_handles_labels(), lines=1 + (len(series) > 2))
    frame = pd.concat([values.assign(series=label) for label, values in series])
    caption = (f"Test set {name}: accuracy and the fraction of points inside the hull of the unshifted training points, by the strength of "
               f"the shift; strength {origin:g} is the study’s own test set. Bars: 95 % intervals, from 5 trials on.")  # fmt: skip
    alt = caption + " " + " ".join(f"{r.network}, {r.strength:g}: accuracy {r.value:.1%}." for r in series[0][1].itertuples())[:700]
    return figure, frame, caption, alt


def accuracy_table(rows, pieces):
    """Accuracy of each network on each set that has its classes."""
    found = rows[rows.statistic == "set_accuracy"]
    listed = [[r.network, set_name(r), number(r.n, 0), number(r.n_wrong, 0), with_interval(r.value, (r.lower, r.upper), 4)] for r in found.itertuples()]
    return pieces.table("test-set-accuracy", "Accuracy on each test set (crossed-bootstrap intervals); wrong: the fewest of a trial.",
                        ["network", "test set", "points", "wrong", "accuracy"], listed, 2, source="results.h5:/table, set_accuracy")  # fmt: skip


def shift_table(rows, pieces):
    """Does leaving the hull go with being wrong? A row a network, test set and space."""
    def of(statistic, row):
        found = rows[(rows.statistic == statistic) & (rows.network == row.network) & (rows.test_set == row.test_set) & (rows.space == row.space)
                     & (rows.dimension == row.dimension) & ((rows.strength == row.strength) | (np.isnan(rows.strength) & np.isnan(row.strength)))]  # fmt: skip
        return with_interval(found.value.iloc[0], (found.lower.iloc[0], found.upper.iloc[0]), 3) if len(found) else number(np.nan)

    listed = [[r.network, set_name(r), place_name(r), number(r.n, 0), with_interval(r.value, (r.lower, r.upper), 3), of("set_accuracy_inside", r),
               of("set_accuracy_outside", r), of("set_accuracy_inside_minus_outside", r)]
              for r in rows[rows.statistic == "set_fraction_inside"].itertuples()]  # fmt: skip
    return pieces.table(
        "test-sets", "Inside the hull of the training points, and accuracy there and outside, by test set (crossed-bootstrap intervals; to foreign points every answer is wrong).",
        ["network", "test set", "space", "points", "inside", "accuracy inside", "accuracy outside", "difference"], listed, 3, source="results.h5:/table, set_...")  # fmt: skip


def class_hull_table(rows, pieces):
    """A row a network, test set and space; "" without hull.classes."""
    found = rows[rows.statistic == "set_fraction_inside_class_hull"]
    if not len(found):
        return ""
    listed = []
    for _, own in found.groupby(["network", "test_set", "strength", "space", "dimension"], sort=False, dropna=False):
        of = {r.measure: r for r in own.itertuples()}
        first = next(iter(of.values()))
        listed.append([first.network, set_name(first), place_name(first), number(first.n, 0),
                       *(with_interval(of[m].value, (of[m].lower, of[m].upper), 3) if m in of else number(np.nan) for m in CLASS_HULLS if m)])  # fmt: skip
    return pieces.table(
        "test-set-class-hulls", "Inside the hulls of single classes of the training points, by test set (crossed-bootstrap intervals; foreign points have no true class).",
        ["network", "test set", "space", "points", *(words for measure, words in CLASS_HULLS.items() if measure)], listed, 3, source="results.h5:/table, set_fraction_inside_class_hull")  # fmt: skip


def wrong_table(rows, pieces):
    """How well each measure tells wrong answers from right ones, a column a test set."""
    found = rows[rows.statistic == "set_auroc"]
    if not len(found):
        return ""
    found = found.assign(name=[set_name(r) for r in found.itertuples()])
    names, listed, weak = list(dict.fromkeys(found.name)), [], set()
    for (network, space, dimension, measure), own in found.groupby(["network", "space", "dimension", "measure"], sort=False):
        of = {r.name: r for r in own.itertuples(index=False)}
        first = own.iloc[0]
        weak.update((len(listed), 4 + c) for c, name in enumerate(names) if name in of and of[name].n_wrong < WRONG_FOR_AUROC)
        listed.append([network, "output" if space == "output" else place_name(first), measure_name(measure), "yes: explains only" if first.uses_label else "no",
                       *(number(np.nan) if name not in of else with_interval(of[name].value, (of[name].lower, of[name].upper), 3) for name in names)])  # fmt: skip
    return pieces.table("test-set-auroc", "AUROC of each measure for wrong (positive) against right answers among the points of each test set, crossed-bootstrap intervals.",
                        ["network", "space", "measure", "uses the label", *names], listed, 4, weak, source="results.h5:/table, set_auroc")  # fmt: skip


def foreign_table(rows, pieces):
    found = rows[rows.statistic == "set_auroc_foreign"]
    if not len(found):
        return ""
    fpr = rows[rows.statistic == "set_fpr95_foreign"].set_index(["network", "test_set", "space", "dimension", "measure"])
    listed = []
    for r in found.itertuples():
        other = fpr.loc[(r.network, r.test_set, r.space, r.dimension, r.measure)]
        listed.append([r.network, r.test_set, "output" if r.space == "output" else place_name(r), measure_name(r.measure),
                       with_interval(r.value, (r.lower, r.upper), 3), with_interval(other.value, (other.lower, other.upper), 3)])  # fmt: skip
    return pieces.table("foreign", "How well each measure tells foreign points (positive) from the study’s own test points.",
                        ["network", "foreign set", "space", "measure", "AUROC", "FPR at 95 % TPR"], listed, 4, source="results.h5:/table, set_auroc_foreign")  # fmt: skip


def section(results, table, pieces):
    """"" if the study has no further test sets."""
    rows = set_rows(results, table)
    if not len(rows):
        return ""
    parts = []
    for name in dict.fromkeys(rows.test_set[np.isfinite(rows.strength)]):
        parts.append(pieces.figure(f"shift-{slug(name)}", f"Under shift: {name}", *shift_figure(results, rows, name), "results.h5:/table, set_accuracy, set_fraction_inside"))
    return "".join(parts) + accuracy_table(rows, pieces) + (shift_table(rows, pieces) if len(rows[rows.statistic == "set_fraction_inside"]) else "") + class_hull_table(rows, pieces) + wrong_table(rows, pieces) + foreign_table(rows, pieces)

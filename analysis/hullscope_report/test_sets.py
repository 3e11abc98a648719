"""Further test sets: accuracy and hull under shift, and how well each measure tells foreign points from known ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .hull_figures import draw_points, percent, place_name
from .pieces import number, slug, with_interval
from .style import measure_name

COLUMNS = ("test_set", "strength")


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


def shift_figure(results, rows, name):
    """One panel a network: accuracy and fraction inside by the strength of one shift."""
    own = rows[(rows.test_set == name) & np.isfinite(rows.strength)]
    series = [("accuracy", own[own.statistic == "set_accuracy"])]
    inside = own[own.statistic == "set_fraction_inside"]
    widest = inside[inside.space == "latent"].dimension.max()
    for space in ("latent", "neural", "pixel"):
        of_space = inside[(inside.space == space) & ((inside.dimension == widest) | (space != "latent"))]
        if len(of_space):
            series.append((f"inside, {place_name(next(of_space.itertuples()))}", of_space))
    networks = [w for w in results.networks if w in set(own.network)]
    columns = min(3, len(networks))
    figure, axes = plt.subplots(-(-len(networks) // columns), columns, figsize=(2.4 * columns + 0.2, 2.4 * -(-len(networks) // columns) + 0.3),
                                squeeze=False, sharey=True)  # fmt: skip
    for axis in axes.ravel()[len(networks) :]:
        axis.set_visible(False)
    for axis, network in zip(axes.ravel(), networks):
        for k, (label, values) in enumerate(series):
            values = values[values.network == network].sort_values("strength")
            draw_points(axis, values, values.strength.to_numpy(float), k, label)
        axis.set_title(network, loc="left")
        axis.set_xlabel(f"{name}: strength")
        percent(axis)
    axes[0, 0].set_ylabel("share of the test points")
    axes[0, 0].legend(loc="lower left", fontsize=6.5)
    frame = pd.concat([values.assign(series=label) for label, values in series])
    caption = (f"Test set {name}: accuracy and the fraction of points inside the hull of the unshifted training points, by the strength of "
               "the shift. Bars: 95 % intervals, from 5 trials on.")  # fmt: skip
    alt = caption + " " + " ".join(f"{r.network}, {r.strength:g}: accuracy {r.value:.1%}." for r in series[0][1].itertuples())[:700]
    return figure, frame, caption, alt


def shift_table(rows, pieces):
    """Does leaving the hull go with being wrong? A row a network, test set and space."""
    def of(statistic, row):
        found = rows[(rows.statistic == statistic) & (rows.network == row.network) & (rows.test_set == row.test_set) & (rows.space == row.space)
                     & (rows.dimension == row.dimension) & ((rows.strength == row.strength) | (np.isnan(rows.strength) & np.isnan(row.strength)))]  # fmt: skip
        return with_interval(found.value.iloc[0], (found.lower.iloc[0], found.upper.iloc[0]), 3) if len(found) else "–"

    listed = [[r.network, set_name(r), place_name(r), number(r.n, 0), with_interval(r.value, (r.lower, r.upper), 3), of("set_accuracy_inside", r),
               of("set_accuracy_outside", r), of("set_accuracy_inside_minus_outside", r)]
              for r in rows[rows.statistic == "set_fraction_inside"].itertuples()]  # fmt: skip
    return pieces.table(
        "test-sets", "Inside the hull of the training points, and accuracy there and outside, by test set (crossed-bootstrap intervals; to foreign points every answer is wrong).",
        ["network", "test set", "space", "points", "inside", "accuracy inside", "accuracy outside", "difference"], listed, 3, source="results.h5:/table, set_...")  # fmt: skip


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
    return "".join(parts) + (shift_table(rows, pieces) if len(rows[rows.statistic == "set_fraction_inside"]) else "") + foreign_table(rows, pieces)

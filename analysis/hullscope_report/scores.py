"""How well each measure tells wrong answers from right ones: figure and table, those that use the label marked."""

import matplotlib.pyplot as plt
import numpy as np

from .long_table import over_trials
from .pieces import number, p_value, with_interval
from .style import NEUTRAL, colour_of, measure_name, space_name

ORDER = {"pixel": 2, "neural": 1, "latent": 0, "output": 3}


def label_of(row):
    place = space_name(row.space, row.dimension)
    return f"{measure_name(row.measure)} · {place}" + (" †" if row.uses_label else "")


def ordered(rows):
    return rows.assign(order=rows.space.map(ORDER)).sort_values(["order", "uses_label"], kind="stable")


def figure(results, table):
    """(figure, frame, caption, alt), or None without scores."""
    rows = over_trials(table, "auroc")
    if len(rows) == 0:
        return None
    labels = list(dict.fromkeys(label_of(r) for r in ordered(rows).itertuples()))
    columns = min(3, len(results.networks))
    lines = -(-len(results.networks) // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(2.0 * columns + 2.2, (0.17 * len(labels) + 0.7) * lines), squeeze=False, sharey=True, sharex=True)
    for axis in axes.ravel()[len(results.networks) :]:
        axis.set_visible(False)
    for n, (axis, network) in enumerate(zip(axes.ravel(), results.networks)):
        for r in rows[rows.network == network].itertuples():
            y = labels.index(label_of(r))
            style = {"markerfacecolor": "white"} if r.uses_label else {}
            colour = NEUTRAL if r.uses_label else colour_of(0)
            axis.plot(r.value, y, "o", color=colour, markersize=3.5, **style)
            if np.isfinite([r.lower, r.upper]).all():
                axis.hlines(y, r.lower, r.upper, color=colour, linewidth=1)
        for y, name in enumerate(labels):
            if name.endswith("†"):
                axis.axhspan(y - 0.5, y + 0.5, facecolor="none", hatch="////", edgecolor="#00000018", linewidth=0)
        base = rows[(rows.network == network) & (rows.measure == "max_softmax")]
        if len(base):
            axis.axvline(base.value.iloc[0], color=colour_of(1), linewidth=0.7, linestyle="--")
        axis.axvline(0.5, color=NEUTRAL, linewidth=0.5, linestyle=":")
        axis.set_title(network, loc="left")
        axis.set_yticks(range(len(labels)), labels, fontsize=6)
        axis.set_ylim(len(labels) - 0.5, -0.5)
    for axis in axes[-1]:
        axis.set_xlabel("AUROC, wrong against right")
    caption = (
        "AUROC of each measure for wrong against right answers, mean over trials, 95 % crossed-bootstrap intervals (trials and test points). "
        "Dotted: chance; dashed: the baseline, 1 − largest softmax. † hatched, hollow: uses the true label, so that it explains and cannot predict; never ranked."
    )
    best = rows[(rows.uses_label == 0) & np.isfinite(rows.value)]
    alt = "Dot plot of AUROC by measure and space. " + " ".join(
        f"{network}: highest {own.value.max():.3f}, {label_of(own.loc[own.value.idxmax()])}."
        for network, own in ((w, best[best.network == w]) for w in results.networks) if len(own)
    )
    return fig, rows, caption, alt


def table_rows(results, table, fewest):
    """Head, rows and weak cells of the table of scores."""
    head = ["network", "measure", "space", "uses the label", "AUROC", "minus softmax", "p", "FPR at 95 %", "AURC", "E-AURC", "wrong answers"]
    of = {(r.network, r.space, r.dimension, r.measure, r.statistic): r for r in over_trials(table).itertuples()}
    rows, weak = [], set()
    for network in results.networks:
        for r in ordered(over_trials(table, "auroc", network=network)).itertuples():
            at = (network, r.space, r.dimension, r.measure)
            get = lambda statistic: of.get((*at, statistic))  # noqa: E731,B023
            show = lambda row: "–" if row is None else with_interval(row.value, (row.lower, row.upper))  # noqa: E731
            minus = get("auroc_minus_max_softmax")
            if 0 <= r.n_wrong < fewest:
                weak.update((len(rows), c) for c in (4, 5, 6, 7))
            fpr = get("fpr95")
            rows.append([network, measure_name(r.measure), space_name(r.space, r.dimension),
                         "yes: explains only" if r.uses_label else "no", show(r), show(minus), p_value(minus.p) if minus is not None else "–",
                         show(fpr) if fpr is not None and np.isfinite(fpr.value) else "–", show(get("aurc")), show(get("e_aurc")), number(r.n_wrong, 0)])  # fmt: skip
    return head, rows, weak

"""How the figures look, and what they share."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

# Okabe and Ito's palette: told apart by colour-blind readers, and in grey by the markers.
NETWORK_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
NETWORK_MARKERS = "os^Dv<>P"
WRONG, RIGHT, NEUTRAL = "#D55E00", "#0072B2", "#555555"
MEASURE_NAMES = {
    "euclidean": "Euclidean distance",
    "euclidean_true_class": "Euclidean distance to the true class",
    "cosine": "cosine distance",
    "euclidean_predicted_class": "Euclidean distance to the predicted class",
    "kth_neighbour": "k-th neighbour on the unit sphere",
    "inverse_trust": "1 / trust score",
    "mahalanobis": "Mahalanobis distance",
    "class_mean": "distance to the predicted class's mean",
    "max_softmax": "1 − largest softmax (baseline)",
    "hull_distance": "distance to the hull",
    "hull_distance_predicted_class": "distance to the predicted class's hull",
}
USES_LABEL = "euclidean_true_class"
TERM_NAMES = {"distance": "distance", "in_hull": "in hull", "interaction": "distance\n× in hull"}

plt.rcParams.update(
    {
        "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
        "xtick.major.width": 0.7, "ytick.major.width": 0.7, "legend.fontsize": 7.5, "legend.frameon": False, "lines.linewidth": 1.2,
        "lines.markersize": 4, "svg.fonttype": "path", "svg.hashsalt": "hullscope", "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08, "figure.max_open_warning": 0,
    }
)  # fmt: skip


def measure_name(measure):
    return MEASURE_NAMES.get(measure, measure.replace("_", " "))


def panel_letter(axis, letter, title):
    axis.set_title(f"$\\bf{{{letter}}}$  {title}", loc="left", pad=6)


def spread(count, width=0.12):
    """Offsets that keep `count` points at one place apart."""
    return np.zeros(1) if count == 1 else np.linspace(-width, width, count)


def colour_of(n):
    return NETWORK_COLOURS[n % 8]


def marker_of(n):
    return NETWORK_MARKERS[n % 8]


def legend_below(figure, handles, labels, lines=1):
    """One legend for all panels, below them."""
    height = figure.get_size_inches()[1]
    room = (0.1 + 0.17 * lines) / height
    figure.get_layout_engine().set(rect=(0, room, 1, 1 - room))
    figure.legend(handles, labels, loc="lower center", ncols=-(-len(labels) // lines), handletextpad=0.4, columnspacing=1.2, borderaxespad=0.2)


def intervals_of(results):
    return "bars: Student-t 95 % intervals of the mean" if results.intervals else "no intervals (fewer than 5 trials)"


def trials_of(results):
    n = len(results.trials)
    return f"{n} trial{'' if n == 1 else 's'}"


def dimension_axis(axis, bottlenecks):
    if min(bottlenecks) > 0 and len(bottlenecks) > 1:
        axis.set_xscale("log", base=2)
    axis.set_xticks(bottlenecks, [str(d) for d in bottlenecks])
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.minorticks_off()
    axis.set_xlabel("bottleneck dimension d")


def not_there(axis, words):
    axis.text(0.5, 0.5, words, ha="center", va="center", transform=axis.transAxes, color=NEUTRAL)
    axis.set_xticks([])
    axis.set_yticks([])


def space_name(space, dimension):
    """In tables: "latent 16", "neural", "pixel"."""
    return f"latent {dimension}" if space == "latent" else space


def space_index(results, name):
    """Position of a space (latent, neural, pixel) among the results', or None."""
    return next((k for k, space in enumerate(results.spaces) if space.startswith(name)), None)

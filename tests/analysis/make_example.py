#!/usr/bin/python3
"""make_example.py DIR NETWORKS TRIALS: an output folder with a results.h5 of the published schema and made-up numbers.

For the tests of the report, which need studies of shapes that no quick run has (ten trials, separation, NaN).
"""

import pathlib
import sys

import h5py
import numpy as np

STUDY = """name = "example"
seed = 1
[data]
set = "mnist"
[train]
trials = {trials}
[hull]
spaces = ["latent"]
[report]
title = "Example <with> & signs"
{networks}"""


TEXTS = ("data_set", "network", "space", "measure", "statistic", "method", "status")
SCORES = [("latent", 16, "euclidean"), ("latent", 16, "euclidean_true_class"), ("latent", 16, "cosine"), ("latent", 16, "hull_distance"),
          ("latent", 16, "hull_distance_predicted_class"), ("neural", -1, "euclidean"), ("neural", -1, "mahalanobis"),
          ("pixel", -1, "euclidean"), ("output", -1, "max_softmax")]  # fmt: skip


def long_table(names, trials, random):
    """Rows of /table: of all trials, and of Firth's logit one of a single trial."""
    rows = []

    def add(network, statistic, value, space="latent", dimension=16, measure="", spread=0.01, **more):
        bounds = {"lower": value - spread, "upper": value + spread} if trials >= 5 else {"lower": np.nan, "upper": np.nan}
        rows.append({"data_set": "mnist", "network": network, "trial": -1, "space": space, "dimension": dimension, "measure": measure,
                     "statistic": statistic, "value": value, **bounds, "p": 0.01, "degrees": np.nan, "n": 10000, "trials": trials,
                     "n_wrong": 180, "uses_label": "true_class" in measure, "method": "", "status": "ok", **more})  # fmt: skip

    for k, network in enumerate(names):
        for space, d, inside in (*(("latent", d, f) for d, f in ((2, 0.999), (4, 0.996), (8, 0.95), (16, 0.4))), ("neural", -1, 0.02), ("pixel", -1, 0.0)):
            at = {"space": space, "dimension": d}
            add(network, "fraction_inside", inside, **at)
            add(network, "fraction_inside_left_out", inside * 0.99, **at, n=1000)
            if space == "latent":
                add(network, "fraction_inside_pca", inside * 0.9, **at)
                add(network, "relative_accuracy", 0.999, **at, degrees=trials - 1)
            for n in (1000, 10000):
                add(network, "fraction_inside_subset", inside * (0.5 if n == 1000 else 0.8), measure=f"{n} training points", **at)
            for which in ("predicted_class", "true_class", "any_class"):
                add(network, "fraction_inside_class_hull", inside * 0.7, measure=which, **at)
            for hull, length in (("", 0.5), ("predicted_class", 0.9), ("true_class", 1.1)):
                outside = {"value": np.nan, "spread": np.nan, "status": f"undefined in {trials} of {trials} trials"} if (d, hull) == (2, "") else {"value": length}
                add(network, "mean_hull_distance", (1 - inside) * length, measure=hull, **at)
                add(network, "median_hull_distance_outside", **outside, measure=hull, **at)
            for c in range(10):
                add(network, "fraction_inside_class_hull", inside * (0.5 + 0.04 * c), measure=f"true_class_{c}", **at, n=1000)
        for space, d, measure in SCORES:
            at = {"space": space, "dimension": d, "measure": measure}
            value = 0.75 + 0.02 * k + 0.05 * random.random()
            add(network, "auroc", value, **at)
            for statistic, v in (("fpr95", 0.5), ("aurc", 0.004), ("e_aurc", 0.003), ("auroc_minus_max_softmax", value - 0.9)):
                if statistic != "auroc_minus_max_softmax" or measure != "max_softmax":
                    add(network, statistic, v, **at)
        for measure in ("euclidean", "euclidean_true_class", "cosine"):
            for term, value in (("distance", -1.5), ("in_hull", 0.4), ("interaction", -0.2)):
                add(network, f"pooled_logit_{term}", value, measure=measure)
            for model in ("linear", "spline", "spline_norm", "spline_softmax"):
                add(network, f"in_hull_effect_{model}", 0.002, measure=measure)
        for estimator in ("two_nn, all", "participation_ratio"):
            add(network, "intrinsic_dimension", 9.5, measure=estimator, space="neural", dimension=-1)
        add(network, "matched_accuracy_gain", 0.01, measure="euclidean")
    if trials < 5:
        add(names[0], "firth_logit_in_hull", 1.2, measure="cosine", trial=0, status="beside maximum likelihood: separation")
    return rows


def put_table(file, rows):
    for name in rows[0]:
        values = [row[name] for row in rows]
        text = {"dtype": h5py.string_dtype()} if name in TEXTS else {}
        file.create_dataset(f"/table/{name}", data=np.array(values, object) if text else np.array(values), **text)


def main(folder, networks, trials):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    names = [*(f"mlp-{w}" for w in (64, 256, 1024)), *(f"cnn-{b}" for b in (1, 2, 3))][:networks]
    d = np.array([2, 4, 8, 16])
    axes = {
        "network": names, "trial": np.arange(trials), "bottleneck": d,
        "measure": ["euclidean", "euclidean_true_class", "cosine"], "space": ["latent", "neural", "pixel"],
        "bin": np.arange(10), "term": ["intercept", "distance", "in_hull", "interaction"], "bound": ["lower", "upper"],
        "outcome": ["wrong", "right"], "membership": ["outside", "inside"], "edge": np.arange(31),
        "interval": np.arange(30), "restriction": ["no in_hull terms", "no distance terms"],
    }  # fmt: skip
    toml = STUDY.format(trials=trials, networks="".join(f'[[network]]\nname = "{n}"\nlayers = ["dense 64", "relu"]\n' for n in names))
    (folder / "study.toml").write_text(toml)

    with h5py.File(folder / "results.h5", "w") as file:
        for name, values in axes.items():
            values = np.array(values, dtype=h5py.string_dtype() if isinstance(values, list) else "i8")
            file.create_dataset(name, data=values)
            file[name].make_scale(name)

        def put(path, dimensions, values):
            values = np.asarray(values)
            if values.dtype.kind == "U":
                values = values.astype(h5py.string_dtype())
            file.create_dataset(path, data=values)
            for k, dimension in enumerate(dimensions.split(",") if dimensions else []):
                file[path].dims[k].attach_scale(file[dimension])

        shape = lambda *names: tuple(len(axes[n]) for n in names)  # noqa: E731
        enough = trials >= 5
        bounds = lambda mean, width: np.stack([mean - width, mean + width], -1) if enough else np.full(mean.shape + (2,), np.nan)  # noqa: E731
        test = 0.98 + 0.002 * random.standard_normal(shape("network", "trial"))
        put("/accuracy/test", "network,trial", test)
        put("/accuracy/train", "network,trial", test + 0.01)
        put("/accuracy/test_mean", "network", test.mean(1))
        put("/accuracy/test_interval", "network,bound", bounds(test.mean(1), 0.001))
        put("/accuracy/wrong", "network,trial", np.round((1 - test) * 10000).astype("i8"))
        relative = 1 - 0.02 / d**1.5 + 0.0005 * random.standard_normal(shape("network", "trial", "bottleneck"))
        put("/relative_accuracy/value", "network,trial,bottleneck", relative)
        put("/relative_accuracy/mean", "network,bottleneck", relative.mean(1))
        put("/relative_accuracy/interval", "network,bottleneck,bound", bounds(relative.mean(1), 0.001))
        put("/relative_accuracy/bootstrap", "network,bottleneck,bound", bounds(relative.mean(1), 0.0008))
        put("/intrinsic_dimension/value", "network", np.full(networks, 2, "i8"))
        put("/intrinsic_dimension/log2", "network,trial", np.full((networks, trials), 1.0))
        put("/unexplained_variance/test", "network,trial,bottleneck", np.full(relative.shape, 0.2) / d)
        inside = np.clip(np.array([0.999, 0.996, 0.95, 0.4]) + 0.01 * random.standard_normal(relative.shape), 0, 1)
        put("/hull/inside", "network,trial,bottleneck", inside)
        put("/hull/within_eps", "network,trial,bottleneck", np.clip(inside + 1e-4, 0, 1))
        put("/hull/undecided", "network,trial,bottleneck", np.zeros(relative.shape, "i8"))
        put("/hull/mean", "network,bottleneck", inside.mean(1))
        put("/hull/interval", "network,bottleneck,bound", bounds(inside.mean(1), 0.01))
        put("/hull/bootstrap", "network,bottleneck,bound", bounds(inside.mean(1), 0.008))
        binned = shape("network", "trial", "space", "measure", "bin")
        centre = np.sort(random.gamma(6, 0.2, binned), axis=-1)
        axes_of_bins = "network,trial,space,measure,bin"
        accuracy = np.clip(1 - 0.08 * np.exp(np.linspace(-4, 0, 10)) + 0.003 * random.standard_normal(binned), 0, 1)
        for kind, middle in (("paper", "centre"), ("decile", "mean_distance")):
            put(f"/bins/{kind}/{middle}", axes_of_bins, centre)
            put(f"/bins/{kind}/accuracy", axes_of_bins, accuracy)
            put(f"/bins/{kind}/count", axes_of_bins, np.full(binned, 1000, "i8"))
        cells = shape("network", "trial", "measure", "outcome", "membership")
        put("/distance_by_cell/mean", "network,trial,measure,outcome,membership",
            np.array([[1.9, 1.2], [1.3, 0.8]]) + 0.03 * random.standard_normal(cells))  # fmt: skip
        put("/distance_by_cell/count", "network,trial,measure,outcome,membership",
            np.broadcast_to(np.array([[150, 50], [5850, 3950]]), cells))  # fmt: skip
        fits = shape("network", "trial", "measure", "term")
        for kind in ("raw", "standardised"):
            z = np.array([20, -14, 1.5, -4]) + random.standard_normal(fits)
            put(f"/logit/{kind}/coefficient", "network,trial,measure,term", z / 5)
            put(f"/logit/{kind}/z", "network,trial,measure,term", z)
            put(f"/logit/{kind}/p", "network,trial,measure,term", np.exp(-np.abs(z)))
        status = np.full(fits[:3], "ok", dtype=object)
        if not enough:
            status[0, 0, 2] = "separation"
        put("/logit/status", "network,trial,measure", status.astype(str))
        tests = shape("network", "trial", "measure", "restriction")
        put("/logit/likelihood_ratio", "network,trial,measure,restriction", np.broadcast_to([3.0, 200.0], tests))
        put("/logit/likelihood_ratio_p", "network,trial,measure,restriction", np.broadcast_to([0.22, 1e-40], tests))
        spaces = "network,trial,space,measure"
        put("/auroc", spaces, 0.85 + 0.02 * random.standard_normal(shape(*spaces.split(","))))
        put("/ks/statistic", spaces, 0.6 + 0.02 * random.standard_normal(shape(*spaces.split(","))))
        put("/ks/p", spaces, np.full(shape(*spaces.split(",")), 1e-30))
        edges = np.broadcast_to(np.linspace(0, 4, 31), shape(*spaces.split(","), "edge"))
        put("/histogram/edges", spaces + ",edge", edges)
        middle = np.linspace(0.1, 3.9, 30)
        counts = np.stack([200 * np.exp(-((middle - 2.4) ** 2)), 9800 * np.exp(-((middle - 1.2) ** 2) * 3)]) / 13
        put("/histogram/count", spaces + ",outcome,interval",
            np.broadcast_to(np.round(counts).astype("i8"), shape(*spaces.split(","), "outcome", "interval")))  # fmt: skip
        files = [f"{n}/trial-{t:02}/latent-16/hull.h5" for n in names for t in range(trials)]
        put("/task_file", "", np.array(files))
        put("/task_digest", "", np.array(["0" * 64] * len(files)))
        put_table(file, long_table(names, trials, random))
        file.attrs.update(stage="reduce", format="hullscope", format_version="1.0.0", study_toml=toml, dimension=16,
                          threshold=0.99, n_test=10000, n_train=60000, eps=2.0**-20, content_digest="0" * 64)  # fmt: skip
        file.create_group("/run").attrs.update(software_version="0.1.0", wall_seconds=1.0, cpu_seconds=2.0, peak_bytes=10**8, ranks=2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

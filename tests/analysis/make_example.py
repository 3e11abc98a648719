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
[report]
title = "Example <with> & signs"
{networks}"""


def main(folder, networks, trials):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    names = [f"mlp-{w}" for w in (64, 256, 1024)][:networks]
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
        file.attrs.update(stage="reduce", format="hullscope", format_version="1.0.0", study_toml=toml, dimension=16,
                          threshold=0.99, n_test=10000, n_train=60000, eps=2.0**-20, content_digest="0" * 64)  # fmt: skip
        file.create_group("/run").attrs.update(software_version="0.1.0", wall_seconds=1.0, cpu_seconds=2.0, peak_bytes=10**8, ranks=2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

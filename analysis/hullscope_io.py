"""A study's results as pandas data frames, from its published files alone.

    import hullscope_io
    hullscope_io.points("runs/mnist-mlp")    # a row a network, trial and test point: label, prediction, distances, verdicts
    hullscope_io.hull("runs/mnist-mlp")      # a row a network, trial, space and test point: verdict and distance bounds
    hullscope_io.class_hulls("runs/mnist-mlp")  # a row a test point and class, where the study has hull.classes
    hullscope_io.results("runs/mnist-mlp")   # a row a statistic: value, interval, p, n, method, status
    hullscope_io.tests("runs/mnist-mlp")     # names of the further test sets, which points(), hull() and class_hulls() take

Joins go by sample id. Measures whose names hold "true_class" use the true label: they explain, and cannot predict.
"""

import pathlib
import re

import h5py
import numpy as np
import pandas as pd

VERDICTS = np.array(["undecided", "inside", "outside"])


def _text(values):
    return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)


def _trials(folder):
    """(network, trial, folder of the trial) of every trial with activations."""
    for path in sorted(pathlib.Path(folder).glob("*/trial-*/activations.h5")):
        yield path.parent.parent.name, int(path.parent.name.removeprefix("trial-")), path.parent


def _require(folder):
    folder = pathlib.Path(folder)
    if not any(_trials(folder)):
        raise FileNotFoundError(f"{folder} holds no <network>/trial-NN/activations.h5; name the output folder of a study")
    return folder


def results(folder):
    """The long table of results.h5: a row a statistic; trial -1 is over all trials."""
    path = pathlib.Path(folder) / "results.h5"
    with h5py.File(path) as file:
        if "table" not in file:
            raise KeyError(f"{path} has no /table: made by an older hullscope, or not by the stage reduce")
        columns = {name: file[f"table/{name}"][:] for name in file["table"]}
    frame = pd.DataFrame({name: _text(v) if v.dtype == object else v for name, v in columns.items()})
    first = ["data_set", "network", "trial", "test_set", "strength", "space", "dimension", "measure", "statistic", "value", "lower", "upper"]  # fmt: skip
    first = [name for name in first if name in frame]  # files of format 1.1 have no test_set
    return frame[first + [name for name in frame if name not in first]]


def draws(folder):
    """The stored bootstrap draws: {row of results(): array of one value a resample}."""
    with h5py.File(pathlib.Path(folder) / "results.h5") as file:
        return dict(zip(map(int, file["draws/row"][:]), file["draws/value"][:]))


def tests(folder):
    """Names of the study's further test sets: ["clothes", "rotated-15"]."""
    found = pathlib.Path(folder).glob("*/trial-*/test-*/activations.h5")
    return sorted({path.parent.name.removeprefix("test-") for path in found})


def _of_test(folder, test):
    """Where the files of a further test set stand beside those of the study's own."""
    return folder / f"test-{test}" if test else folder


def _own_hulls(trial_folder):
    """(space, d, path) of a trial's own hull files: codes of its autoencoders, principal components, neural space."""
    for space in ("latent", "pca"):
        for path in sorted(trial_folder.glob(f"{space}-*/hull.h5")):
            yield space, int(path.parent.name.removeprefix(f"{space}-")), path
    if (path := trial_folder / "hull-neural.h5").is_file():
        yield "neural", -1, path


def _pixel_hull(input_folder):
    """(space, d, path) of the data set's own hull file, where there is one."""
    path = input_folder / "hull.h5"
    return [("pixel", -1, path)] if path.is_file() else []


def _hulls(folder, test):
    """({network, trial, space, dimension}, path) of every hull file; that of pixels once, with an empty network and
    trial -1: a folder of pixels alone has no networks."""
    folder = pathlib.Path(folder)
    places = [(network, trial, *own) for network, trial, path in _trials(folder) for own in _own_hulls(_of_test(path, test))]
    places += [("", -1, *own) for own in _pixel_hull(_of_test(folder / "input", test))]
    if not places:
        _require(folder)
    return [(dict(zip(("network", "trial", "space", "dimension"), place)), place[-1]) for place in places]


def hull(folder, test=""):
    """Every verdict (of the further test set `test`): network, trial, space, dimension, sample, verdict, distance_lower,
    distance_upper. Pixel space stands once for the data set, with an empty network and trial -1."""
    frames = []
    for place, path in _hulls(folder, test):
        with h5py.File(path) as file:
            frame = pd.DataFrame({"sample": file["sample"][:], "verdict": VERDICTS[file["verdict"][:]],
                                  "distance_lower": file["distance_lower"][:], "distance_upper": file["distance_upper"][:]})  # fmt: skip
        frames.append(pd.DataFrame(place, index=frame.index).join(frame))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def class_hulls(folder, test=""):
    """Every verdict against the hull of one class (of the further test set `test`), of a study with hull.classes: the
    columns of hull() and `class`."""
    frames = []
    for place, plain in _hulls(folder, test):
        path = plain.with_name(plain.stem + "-classes.h5")
        if not path.is_file():
            continue
        with h5py.File(path) as file:
            labels, sample = file["class"][:], file["sample"][:]
            table = {name: file[f"class_hull/{name}"][:].ravel() for name in ("verdict", "distance_lower", "distance_upper")}
        table["verdict"] = VERDICTS[table["verdict"]]
        place = {**place, "sample": np.repeat(sample, len(labels)), "class": np.tile(labels, len(sample))}
        frames.append(pd.DataFrame({**place, **table}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def points(folder, test=""):
    """Every test point (of the further test set `test`, whose label is -1 where it is foreign) of every trial. Columns:
    network, trial, sample, label, predicted, correct; for each space and measure "SPACE.MEASURE" and, of distances to one training point, "SPACE.MEASURE.nearest" (its sample id); for each
    hull "SPACE.verdict". SPACE is pixel, neural, latent-DD or output (max_softmax there is 1 - the largest probability).
    """
    folder, frames = _require(folder), []
    for network, trial, trial_folder in _trials(folder):
        trial_folder, input_folder = _of_test(trial_folder, test), _of_test(folder / "input", test)
        with h5py.File(trial_folder / "activations.h5") as file:
            frame = pd.DataFrame({name: file[f"test/{name}"][:] for name in ("sample", "label", "predicted")}).set_index("sample")
        frame["correct"] = frame.label == frame.predicted
        for path in (trial_folder / "proximity.h5", input_folder / "proximity.h5"):
            if path.is_file():
                frame = frame.join(_distances(path))
        for space, d, path in [*_own_hulls(trial_folder), *_pixel_hull(input_folder)]:
            with h5py.File(path) as file:
                name = f"{space}-{d:02}" if d >= 0 else space
                verdict = pd.Series(VERDICTS[file["verdict"][:]], index=file["sample"][:], name=f"{name}.verdict")
            frame = frame.join(verdict)
        frame = frame.reset_index(names="sample")
        frame.insert(0, "network", network)
        frame.insert(1, "trial", trial)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _distances(path):
    with h5py.File(path) as file:
        sample, columns = file["sample"][:], {}

        def visit(name, item):
            found = re.fullmatch(r"([^/]+)/([^/]+)/(distance|nearest)", name)
            if found and isinstance(item, h5py.Dataset):
                space, measure, kind = found.groups()
                columns[f"{space}.{measure}" + (".nearest" if kind == "nearest" else "")] = item[:]

        file.visititems(visit)
    return pd.DataFrame(columns, index=sample)

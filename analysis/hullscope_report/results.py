"""results.h5 in memory, and the files it came from."""

import pathlib
import tomllib

import h5py
import numpy as np

from .frames import text
from .program import ReportError

FORMAT_MAJOR = 1
TRIALS_FOR_INTERVAL = 5
WRONG_FOR_AUROC = 50


class Results:
    """All data sets of results.h5 by path, its attributes, and the study's options.

    results["/hull/inside"] is an array over (network, trial, bottleneck); results.networks etc. are its axes.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        path = self.folder / "results.h5"
        if not path.is_file():
            raise ReportError(
                f"{path} is not there; run the study first: hullscope run STUDY.toml --output {self.folder}"
            )
        try:
            with h5py.File(path) as file:
                self._read(file, path)
        except OSError as error:
            raise ReportError(f"{path} cannot be read as an HDF5 file ({error}); run the study again") from error

    def _read(self, file, path):
        self.attributes = {name: text(value) for name, value in file.attrs.items()}
        stage, version = self.attributes.get("stage"), str(self.attributes.get("format_version", "0"))
        if stage != "reduce":
            raise ReportError(f"{path} is of stage {stage!r}, expected 'reduce'; name the output folder of a study")
        if int(version.split(".")[0]) != FORMAT_MAJOR:
            raise ReportError(
                f"{path} has format version {version}, this report reads {FORMAT_MAJOR}.x; "
                "use the hullscope that made it, or run the study again"
            )
        self._values = {}
        file.visititems(
            lambda name, item: self._values.update({"/" + name: text(item[()])}) if isinstance(item, h5py.Dataset) else None
        )
        self.run = {name: text(value) for name, value in file["/run"].attrs.items()} if "/run" in file else {}
        self.study = tomllib.loads(self.attributes.get("study_toml", ""))
        study_file = self.folder / "study.toml"
        if study_file.is_file():
            self.study = tomllib.loads(study_file.read_text())

    def __getitem__(self, path):
        try:
            return self._values[path]
        except KeyError:
            raise ReportError(f"{self.folder}/results.h5 lacks {path}; run: hullscope reduce STUDY.toml") from None

    def __contains__(self, path):
        return path in self._values

    networks = property(lambda self: [str(n) for n in self["/network"]])
    trials = property(lambda self: [int(t) for t in self["/trial"]])
    bottlenecks = property(lambda self: [int(d) for d in self["/bottleneck"]])
    measures = property(lambda self: [str(m) for m in self["/measure"]])
    spaces = property(lambda self: [str(s) for s in self["/space"]])
    dimension = property(lambda self: int(self.attributes["dimension"]))
    threshold = property(lambda self: float(self.attributes["threshold"]))
    n_test = property(lambda self: int(self.attributes["n_test"]))
    n_train = property(lambda self: int(self.attributes["n_train"]))
    intervals = property(lambda self: len(self.trials) >= TRIALS_FOR_INTERVAL)
    data_set = property(lambda self: str(self.study.get("data", {}).get("set", "")))

    def files(self):
        """Path, digest and /run attributes of every file that the statistics came from."""
        found = []
        for name, digest in zip(self["/task_file"], self["/task_digest"]):
            path = self.folder / str(name)
            entry = {"file": str(name), "digest": str(digest), "run": {}, "stage": "", "there": path.is_file()}
            if entry["there"]:
                with h5py.File(path) as file:
                    entry["stage"] = text(file.attrs.get("stage", ""))
                    entry["run"] = {k: text(v) for k, v in file["/run"].attrs.items()} if "/run" in file else {}
            found.append(entry)
        return found


def mean_over_trials(values, axis=1):
    """Mean that leaves NaN out, NaN where all are (without numpy's warning)."""
    values = np.asarray(values, float)
    known = np.isfinite(values)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, values, 0).sum(axis) / np.maximum(count, 1), np.nan)

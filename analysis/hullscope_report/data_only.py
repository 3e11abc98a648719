"""The page of a study without networks: the hulls of the data themselves, in the space of their values. Such a study has
no results.h5; everything is read from the files of its stages. The paper's Fig. 1 is one."""

import tomllib

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from . import special
from .frames import text
from .overview import bullets
from .pieces import Pieces, count, escape, number, page
from .program import ReportError
from .style import NEUTRAL, RIGHT, WRONG, measure_name

VERDICTS = ("undecided", "inside", "outside")
HULLS = {"hull": "all training points", "hull-classes": "all training points", "hull-left-out": "all training points but the asked one",
         "hull-subset": "some training points"}  # fmt: skip


class DataStudy:
    """Its options and finished files: hulls as (name, attributes, verdicts), distances by measure."""

    def __init__(self, folder):
        self.folder = folder
        self.study = tomllib.loads((folder / "study.toml").read_text())
        self.files, self.hulls, self.distances = [], [], {}
        for path in sorted((folder / "input").glob("**/*.h5")):
            name = str(path.relative_to(folder))
            if ".parts/" in name or path.name.startswith("."):
                continue
            try:
                with h5py.File(path) as file:
                    self._read(file, name)
            except (OSError, KeyError) as error:
                raise ReportError(f"{path} cannot be read ({error}); run the study again") from error

    def _read(self, file, name):
        entry = {"file": name, "digest": text(file.attrs.get("content_digest", "")), "stage": text(file.attrs.get("stage", "")),
                 "run": {k: text(v) for k, v in file["run"].attrs.items()} if "run" in file else {}}  # fmt: skip
        self.files.append(entry)
        if entry["stage"] == "proximity":
            if name == "input/proximity.h5":
                self.sample = file["sample"][:]
                self.distances = {m: file[f"pixel/{m}/distance"][:] for m in file["pixel"] if f"pixel/{m}/distance" in file}
        else:
            sample = file["sample"][:] if "sample" in file else np.arange(len(file["verdict"]))
            self.hulls.append((name, sample, file["verdict"][:]))

    data_set = property(lambda self: str(self.study.get("data", {}).get("set", "")))

    def verdict(self):
        """(sample, verdict) of the test points in the hull of all training points, or None."""
        return next(((s, v) for name, s, v in self.hulls if name == "input/hull.h5"), None)


def study_of(folder):
    """The folder's DataStudy; None if it has networks or is no study."""
    if not (folder / "study.toml").is_file() or not (folder / "input").is_dir():
        return None
    if tomllib.loads((folder / "study.toml").read_text()).get("network"):
        return None
    return DataStudy(folder)


def hull_name(name):
    stem = name.rsplit("/", 1)[-1].removesuffix(".h5")
    kind = next((words for key, words in sorted(HULLS.items(), reverse=True) if stem.startswith(key)), stem)
    asked = name.split("/")[1].removeprefix("test-") if name.count("/") > 1 else "test points"
    digits = stem.rpartition("-")[2]
    return ("training points" if stem.startswith("hull-left-out") else asked), kind.replace("some", digits) if digits.isdigit() else kind


def hull_table(study, pieces):
    rows = []
    for name, _, verdict in study.hulls:
        asked, hull = hull_name(name)
        counts = [int((verdict == k).sum()) for k in (1, 2, 0)]
        decided = counts[0] + counts[1]
        rows.append([name, asked, hull, count(len(verdict)), *map(count, counts), number(counts[0] / decided if decided else float("nan"), 4)])
    return pieces.table("hulls", "Verdicts of every hull test, each proved.", ["file", "asked", "hull of", "points", "inside", "outside", "undecided", "fraction inside"],
                        rows, 3, source="verdict of every file")  # fmt: skip


def distance_figure(study):
    """Distances to the nearest training point, of points inside and outside the hull, a panel a measure."""
    found, frames, medians = study.verdict(), [], []
    figure, axes = plt.subplots(1, len(study.distances), figsize=(max(3.6, 2.4 * len(study.distances)), 2.5), squeeze=False)
    for axis, (measure, distance) in zip(axes[0], study.distances.items()):
        values = pd.DataFrame({"measure": measure, "sample": study.sample, "distance": distance})
        if found:
            values = values.merge(pd.DataFrame({"sample": found[0], "verdict": np.array(VERDICTS)[found[1]]}), on="sample", how="left")
        else:
            values["verdict"] = "not tested"
        frames.append(values)
        finite = values[np.isfinite(values.distance)]
        edges = np.histogram_bin_edges(finite.distance, 40) if len(finite) else [0, 1]
        for verdict, colour in (("inside", RIGHT), ("outside", WRONG), ("undecided", NEUTRAL), ("not tested", NEUTRAL)):
            here = finite[finite.verdict == verdict].distance
            if len(here):
                axis.hist(here, edges, histtype="stepfilled", color=colour, alpha=0.3)
                axis.hist(here, edges, histtype="step", color=colour, label=f"{verdict} (n = {len(here):,})")
                medians.append(f"{measure_name(measure)}, {verdict}: {here.median():.4g}")
        axis.set_xlabel(measure_name(measure).replace(" to the true", "\nto the true"))
        axis.locator_params(axis="x", nbins=4)
        axis.set_ylim(0, 1.25 * axis.get_ylim()[1])
        if len(finite):
            axis.legend(loc="upper right")
    axes[0, 0].set_ylabel("test points")
    caption = "Distance of the test points to their nearest training point, by their verdict."
    return figure, pd.concat(frames), caption, caption + " Medians: " + "; ".join(medians) + "."


def what_was_run(study):
    hull, proximity = study.study.get("hull", {}), study.study.get("proximity", {})
    run = study.files[0]["run"] if study.files else {}
    seconds = sum(float(e["run"].get("cpu_seconds", 0) or 0) for e in study.files)
    facts = [
        ("data", study.data_set),
        ("preset", str(study.study.get("preset", "")) or "none"),
        ("seed", study.study.get("seed", "?")),
        ("networks", "none: this is a study of the data themselves"),
        ("hulls tested in", ", ".join(hull.get("spaces", [])) or "no space"),
        ("solver", hull.get("solver", "?")),
        ("distances measured in", ", ".join(proximity.get("spaces", [])) or "no space"),
        ("CPU time of the files", f"{seconds:,.1f} s"),
        ("made by", f"hullscope {run.get('software_version', '')}, {run.get('created', '')}"),
    ]
    rows = "".join(f'<tr><th scope="row">{escape(k)}</th><td class="text">{escape(v)}</td></tr>' for k, v in facts)
    return f'<div class="wrap"><table><caption class="hidden">What was run</caption><tbody>{rows}</tbody></table></div>'


def missing(study):
    """What this page would show and the study does not have, with the reason."""
    hull, found = study.study.get("hull", {}), []
    found.append("No accuracy, no latent spaces, no claims and no statistics of right and wrong: the study names no network.")
    if study.verdict() is None:
        asked = "pixel" in hull.get("spaces", [])
        found.append("No hull of the data: " + ("input/hull.h5 is not there; run the study again." if asked else "hull.spaces does not name pixel."))
    if not study.distances:
        asked = "pixel" in study.study.get("proximity", {}).get("spaces", [])
        found.append("No distances: " + ("input/proximity.h5 is not there; run the study again." if asked else "proximity.spaces does not name pixel."))
    for key, words in (("classes", "No hulls of single classes"), ("left_out", "No training points left out of their own hull"),
                       ("subsets", "No hulls of fewer training points")):  # fmt: skip
        if not hull.get(key):
            found.append(f"{words}: hull.{key} is not set.")
    if not hull.get("projection"):
        found.append("No distances to the hull: hull.projection is not set.")
    return found


def provenance(study, pieces):
    files = pieces.table("files", "The study's files and their digests.", ["file", "stage", "content digest (SHA-256)", "CPU s"],
                         [[e["file"], e["stage"], e["digest"], number(float(e["run"].get("cpu_seconds", "nan") or "nan"), 2)] for e in study.files], 3, wrap=True)  # fmt: skip
    names = " ".join(name for name, _, _ in study.hulls)
    check = f"<p>Every verdict carries its proof. Another program, which shares no code with the finder, re-proves them from the data:</p><pre>hullscope verify {escape(names)}</pre>" if names else ""  # fmt: skip
    return files + check


def finding(study):
    found = study.verdict()
    if not found:
        return "<p class=answer>The hull of the data was not tested.</p>"
    inside, n = int((found[1] == 1).sum()), len(found[1])
    undecided = int((found[1] == 0).sum())
    train = study.folder / "input/train.npy"
    points = f"{len(np.load(train, mmap_mode='r')):,} training points" if train.is_file() else "training points"
    words = f"{inside:,} of the {n:,} test points lie in the convex hull of the {points}"
    return f"<p class=answer>{words}{f'; {undecided:,} are undecided' if undecided else ''}.</p>"


def render(study, folder):
    """Writes figures and tables below the folder; returns the page."""
    pieces, figures = Pieces(folder), ""
    circle = special.circle_of(study)
    if circle:
        figures += pieces.figure("fig1", "Fig. 1: inside the circle, outside its image", *special.circle_figure(circle), "input/hull.h5, input/train.npy, input/test.npy")
    if study.distances:
        figures += pieces.figure("distances", "How near the training points", *distance_figure(study), "input/proximity.h5, input/hull.h5")
    title = study.study.get("report", {}).get("title") or f"{study.study.get('name', 'study')}: in the hull, and near it?"
    sections = [("finding", "The finding", finding(study)), ("overview", "What was run", what_was_run(study)),
                ("missing", "What is missing, and why", bullets(missing(study))), ("figures", "Figures", figures),
                ("hulls", "Every hull", hull_table(study, pieces)), ("provenance", "Files and proofs", provenance(study, pieces))]  # fmt: skip
    shown = [s for s in sections if s[2]]
    body = "".join(f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(words)}</h2>{content}</section>' for name, words, content in shown)
    return page(title, body, [(name, words) for name, words, _ in shown])

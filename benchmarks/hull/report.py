"""The benchmark's tables and figure, from its measurements (run.py). `write` puts them into hull.md between two
marks, so that what is written there by hand stays."""

import json
import statistics

LABEL = {
    "pixels": "pixels, d = 784", "gaussian-16": "Gaussian, d = 16", "layer-128": "network layer, d = 128",
    "code": "autoencoder code",
}  # fmt: skip
TARGET = {  # CPU seconds of all 10,000 (membership, projection), and times faster than HiGHS: on AVX-512 with VNNI
    "pca-4": (0.5, 0.6, 2500), "pca-8": (1.0, 1.2, 2800), "pca-16": (3, 4, 3000), "gaussian-16": (2, 3, 4000),
    "pca-32": (3.5, 5, 7000), "layer-128": (4.5, 9, 8000), "pixels": (5, 20, 80000),
}  # fmt: skip
ORDER = (
    "pca-2", "pca-4", "pca-8", "pca-16", "gaussian-16", "code", "pca-32", "pca-64", "pca-128", "layer-128", "pixels",
)  # fmt: skip
PEERS = ("highs", "clp", "nnls", "qhull", "delaunay", "reference")
TITLE = {
    "highs": "HiGHS", "clp": "Clp", "nnls": "nnls", "qhull": "Qhull", "delaunay": "Delaunay",
    "reference": "one-query Wolfe",
}  # fmt: skip
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


class Cells:
    def __init__(self, cells):
        self.cells = {(cell["kind"], cell["data"], cell["method"]): cell for cell in cells}

    def get(self, kind, data, method):
        return self.cells.get((kind, data, method))

    def names(self, kind):
        found = {data for k, data, _ in self.cells if k == kind}
        return [name for name in ORDER if name in found] + sorted(found - set(ORDER))

    def cpu(self, kind, data, method):
        cell = self.get(kind, data, method)
        return statistics.median(cell["cpu"]) if cell and cell["cpu"] else None

    def per_query(self, data, method):
        """Mean CPU seconds a query, what prepares the points left out; a text where none was finished."""
        cell = self.get("peers", data, method)
        if cell is None:
            return None
        return statistics.fmean(cell["cpu"]) if cell["cpu"] else f"> {cell['spent']} s"


def label(name):
    return LABEL.get(name, f"PCA, d = {name.split('-')[1]}" if name.startswith("pca-") else name)


def short(value):
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(entry) for entry in row) + " |" for row in rows])


def seconds(value, target=None):
    return short(value) + (f" ({target:g})" if target is not None and value is not None else "")


def ours_table(cells):
    rows = []
    for name in cells.names("ours"):
        cell = cells.get("ours", name, "membership") or cells.get("ours", name, "projection")
        targets = TARGET.get(name, (None, None, None))
        membership, projection = (cells.cpu("ours", name, mode) for mode in ("membership", "projection"))
        highs, one_pass = cells.per_query(name, "highs"), cells.cpu("pass", name, "sgemm")
        times = highs * cell["m"] / membership if membership and isinstance(highs, float) else None
        checked = cell.get("verify", {})
        rows.append([
            label(name), f"{cell['inside'] / cell['m']:.2%}", seconds(membership, targets[0]),
            seconds(projection, targets[1]), seconds(times, targets[2]) + (" ×" if times else ""), short(one_pass),
            short(membership / one_pass if membership and one_pass else None),
            short(checked.get("cpu")), checked.get("summary", "–"),
        ])  # fmt: skip
    header = [
        "data", "inside", "membership", "with projection", "faster than HiGHS", "one SGEMM pass", "membership / pass",
        "verify", "says",
    ]  # fmt: skip
    return table(header, rows)


def work_table(cells):
    """What the finder says of its own work, where the program stores it."""
    keys = sorted({key for cell in cells.cells.values() if cell["kind"] == "ours" for key in cell["run"]})
    keys = [key for key in keys if any(word in key for word in ("products", "exact"))]
    rows = []
    for name in cells.names("ours"):
        for mode in ("membership", "projection"):
            cell = cells.get("ours", name, mode)
            if cell:
                values = [cell["run"].get(key) for key in keys]
                values = [f"{v:.3g}" if isinstance(v, float) else "–" if v is None else v for v in values]
                peak = cell["run"].get("peak_bytes")
                bytes_of_points = 4 * cell["n"] * cell["d"]
                rows.append([label(name), mode, f"{cell.get('passes', 0):.2f}", *values,
                             short((peak - bytes_of_points) / 1e6 if peak else None)])  # fmt: skip
    return table(["data", "mode", "passes", *keys, "memory beyond X, MB"], rows)


def peer_table(cells):
    rows = []
    for name in cells.names("peers"):
        ours = cells.get("ours", name, "membership")
        cpu = cells.cpu("ours", name, "membership")
        row = [label(name), short(1e3 * cpu / ours["m"] if cpu else None)]
        for method in PEERS:
            value = cells.per_query(name, method)
            cell = cells.get("peers", name, method)
            count = f" ({len(cell['cpu'])})" if cell and cell["cpu"] else ""
            row.append((short(1e3 * value) + count if isinstance(value, float) else short(value)))
        rows.append(row)
    return table(["data", "ours", *(TITLE[method] for method in PEERS)], rows)


def setup_text(cells):
    parts = []
    for name in cells.names("peers"):
        for method in ("qhull", "delaunay"):
            cell = cells.get("peers", name, method)
            if cell and cell["cpu"]:
                parts.append(f"{TITLE[method]} {label(name)}: {cell['setup']:.2g} s")
    return "; ".join(parts)


def tao_entry(cell):
    """Seconds, and why TAO stopped: a type that gives up early is cheap, and what follows does the work."""
    if cell is None:
        return "–"
    if not cell["cpu"]:
        return f"> {cell['spent']}"
    reasons = sorted(set(cell.get("reasons", [])))
    return short(statistics.fmean(cell["cpu"])) + (f" ({', '.join(reasons)})" if reasons else "")


def tao_table(cells):
    names = cells.names("tao")
    methods = sorted({method for kind, _, method in cells.cells if kind == "tao"})
    rows = []
    for method in methods:
        row = [f"`{method}`"]
        for name in names:
            cell = cells.get("tao", name, method)
            row.append(tao_entry(cell))
        rows.append(row)
    return table(["type", *(label(name) for name in names)], rows)


def truth_table(cells):
    """Wrong answers of those given, by the size of the step and by side."""
    texts = []
    for name in cells.names("truth"):
        methods = [method for method in PEERS if cells.get("truth", name, method)]
        steps = sorted({abs(step) for method in methods for step in cells.get("truth", name, method)["steps"]})
        rows = []
        for side, word in ((1, "outside"), (-1, "inside")):
            for step in reversed(steps):
                rows.append([f"{word}, {step:g}"] + [wrong(cells.get("truth", name, m), side * step) for m in methods])
        texts.append(f"{label(name)}:\n\n" + table(["queries", *(TITLE[m] for m in methods)], rows))
    return "\n\n".join(texts)


def wrong(cell, step):
    answers = [
        (inside, proved) for inside, proved, s in zip(cell["inside"], cell["proved"], cell["steps"]) if s == step
    ]
    errors = sum(inside is not None and inside != (proved == 1) for inside, proved in answers)
    silent = sum(inside is None for inside, _ in answers)
    return f"{errors} of {len(answers)}" + (f", {silent} no answer" if silent else "")


def sampled_truth(cells):
    """Verdicts of the peers' ordinary samples that contradict ours is a matter of the truth table; here their number."""
    parts = []
    for method in PEERS:
        found = [cells.get("peers", name, method) for name in cells.names("peers")]
        found = [cell for cell in found if cell and "proved" in cell]
        answered = sum(inside is not None for cell in found for inside in cell["inside"])
        errors = sum(
            inside is not None and inside != (proved == 1)
            for cell in found for inside, proved in zip(cell["inside"], cell["proved"])
        )  # fmt: skip
        parts.append(f"{TITLE[method]} {errors} of {answered}")
    return "; ".join(parts)


def scaling_table(cells):
    rows = []
    for name in sorted(cells.names("scaling"), key=lambda n: [int(x) for x in n.split("-")[:0:-1]]):
        cell, cpu = cells.get("scaling", name, "membership"), cells.cpu("scaling", name, "membership")
        peak = cell["run"].get("peak_bytes")
        rows.append([f"{cell['n']:,}", cell["d"], f"{cell['m']:,}", short(cpu),
                     short(1e9 * cpu / cell["n"] / cell["m"]), short(peak / 1e6 if peak else None),
                     short(4e-6 * cell["n"] * cell["d"])])  # fmt: skip
    return table(["N", "d", "M", "CPU s", "ns a query and point", "peak, MB", "X, MB"], rows)


def memory_text(cells):
    parts = []
    for (kind, name, method), cell in sorted(cells.cells.items()):
        if kind == "memory" and cell["run"].get("peak_bytes"):
            beyond = cell["run"]["peak_bytes"] / 1e6 - 4e-6 * cell["n"] * cell["d"]
            parts.append(f"{method.replace('-', ' ')}: {beyond:.0f} MB beyond X")
    return "; ".join(parts)


def ranks_table(cells):
    rows = []
    for name in cells.names("ranks"):
        one, two = (cells.get("ranks", name, f"ranks-{r}") for r in (1, 2))
        if one and two:
            walls = [statistics.median(cell["wall"]) for cell in (one, two)]
            inner = [cell["run"].get("wall_seconds") for cell in (one, two)]
            rows.append([label(name), short(walls[0]), short(walls[1]), f"{walls[0] / walls[1]:.2f}",
                         f"{inner[0] / inner[1]:.2f}" if all(inner) else "–"])  # fmt: skip
    return table(["data", "one rank, wall s", "two ranks", "ratio", "ratio without MPI's start (last run)"], rows)


def figure(cells, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    series = {}
    for name in (name for name in ORDER if name.startswith("pca-") or name == "pixels"):
        d = 784 if name == "pixels" else int(name.split("-")[1])
        values = {TITLE[method]: cells.per_query(name, method) for method in PEERS}
        for line, kind, method in (
            ("ours, membership", "ours", "membership"),
            ("ours, with projection", "ours", "projection"),
            ("one SGEMM pass", "pass", "sgemm"),
        ):
            cell = cells.get(kind, name, method)
            values[line] = cells.cpu(kind, name, method) / cell["m"] if cell else None
        for line, value in values.items():
            if isinstance(value, float):
                series.setdefault(line, []).append((d, value))
    if not series:
        return False
    fig, axis = plt.subplots(figsize=(7.2, 4.8))
    colours = dict(zip((TITLE[m] for m in PEERS), plt.get_cmap("Dark2").colors))
    colours.update({"ours, membership": "black", "ours, with projection": "black", "one SGEMM pass": "0.6"})
    for method, points in series.items():
        points.sort()
        ours = method.startswith("ours")
        style = ":" if method == "one SGEMM pass" else "--" if method == "ours, with projection" else "-"
        axis.plot(*zip(*points), style, marker="o", ms=4, lw=2 if ours else 1.2, color=colours[method], label=method)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    ticks = sorted({d for points in series.values() for d, _ in points})
    axis.set_xticks(ticks, [str(d) for d in ticks])
    axis.set_xlabel("dimension d")
    axis.set_ylabel("CPU seconds per query")
    axis.set_title("Hull membership, Fashion-MNIST: PCA and pixels, N = 60,000", fontsize=11)
    axis.grid(True, which="major", alpha=0.3)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    fig.savefig(path, bbox_inches="tight")
    plt.close(fig)
    return True


def text(everything, image):
    cells, machine = Cells(everything["cells"]), everything["machine"]
    versions = sorted({cell["version"] for cell in everything["cells"]})
    parts = [
        f"Machine: {machine['processor']}, {machine['cores']} cores, {', '.join(machine['instruction_sets'])}. "
        f"Solver `{everything['solver']}`. Measured: " + " / ".join(f"`{v}`" for v in versions) + ".",
        "## Ours\n\nCPU seconds for all queries, whole command, medians; the target in brackets.\n\n" + ours_table(cells),
        "What it did:\n\n" + work_table(cells),
    ]
    if cells.names("peers"):
        parts.append(
            "## Peers\n\nCPU milliseconds a query, mean over a random sample (its size in brackets). Ours: all queries, "
            "with everything that it does; peers: without reading and preparing the points.\n\n" + peer_table(cells)
        )
        if setup_text(cells):
            parts.append(f"Preparing the points, not in the table: {setup_text(cells)}.")
        parts.append(f"Verdicts of these samples that our proofs contradict: {sampled_truth(cells)}.")
    if image:
        parts.append(f"![CPU seconds per query against the dimension]({image})")
    if cells.names("tao"):
        parts.append("## PETSc/TAO\n\nCPU seconds a query beyond what the reference solver takes, and why TAO stopped. Whatever it hands over is finished "
            "by column generation and proved like any other answer.\n\n" + tao_table(cells))
    if cells.names("truth"):
        parts.append(
            "## Near the boundary\n\nQueries moved along their shortest way to the hull to a distance of ± that many "
            "times the data's scale. Wrong answers, against our proofs:\n\n" + truth_table(cells)
        )
    if cells.names("scaling"):
        parts.append("## Cost in N, and memory\n\n" + scaling_table(cells))
        if memory_text(cells):
            parts.append(f"N = 1e6, d = 64: {memory_text(cells)}.")
    if cells.names("ranks"):
        parts.append("## Two ranks\n\n" + ranks_table(cells))
    return "\n\n".join(parts)


def as_json(everything):
    """One measurement a line; numbers to six digits."""

    def rounded(value):
        if isinstance(value, float):
            return float(f"{value:.6g}")
        if isinstance(value, list):
            return [rounded(entry) for entry in value]
        if isinstance(value, dict):
            return {key: rounded(entry) for key, entry in value.items()}
        return value

    head = {key: value for key, value in everything.items() if key != "cells"}
    cells = ",\n".join("  " + json.dumps(rounded(cell)) for cell in everything["cells"])
    return json.dumps(head)[:-1] + f',\n "cells": [\n{cells}\n]}}\n'


def write(everything, target):
    """target: a folder, or a page NAME.md in it (hull.md), beside which NAME.json and images/NAME.svg go."""
    folder, name = (target.parent, target.stem) if target.suffix == ".md" else (target, "hull")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    image = f"images/{name}.svg" if figure(Cells(everything["cells"]), folder / f"images/{name}.svg") else None
    page = folder / f"{name}.md"
    old = page.read_text() if page.exists() else f"# Hull membership beside its peers\n\n{BEGIN}\n{END}\n"
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{page}: found no {BEGIN} ... {END}; put these marks where the tables belong")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{text(everything, image)}\n{END}{after}")
    (folder / f"{name}.json").write_text(as_json(everything))

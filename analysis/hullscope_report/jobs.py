"""What the study's Slurm jobs asked for and used, and what of the study is missing and why: from batch/status.json, which the
last job of a submitted study writes (hullscope status --json). A study that was not submitted has none."""

import json
import pathlib

import h5py


def read(folder):
    """The status as a dictionary; None if there is none, or none that can be read."""
    try:
        status = json.loads((pathlib.Path(folder) / "batch" / "status.json").read_text())
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) and isinstance(status.get("stages"), list) else None


def duration(seconds):
    """12 s, 3 min 05 s, 2 h 10 min"""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def size(count):
    """Of bytes, as Slurm counts: 850 MB, 1.5 GB"""
    megabytes = count / 2**20
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def used(status):
    """(caption, head, rows) of a table: requested against used, a row a stage; None if no job has ended."""
    rows, sources = [], set()
    for stage in status["stages"]:
        u = stage.get("used") or {}
        if not u.get("elements"):
            continue
        known_cpu = u.get("cpu_seconds") is not None and u.get("core_seconds")
        rows.append([
            stage["stage"], str(u["elements"]), duration(u["requested_seconds"]), duration(u["longest_seconds"]),
            size(u["requested_bytes"]), size(u["peak_bytes"]) if u.get("peak_bytes") else "not known",
            f"{u['core_seconds'] / 3600:.2f}", f"{100 * u['cpu_seconds'] / u['core_seconds']:.0f} %" if known_cpu else "not known",
            u.get("suggestion") or "–",
        ])  # fmt: skip
        if u.get("source"):
            sources.add("sacct" if u["source"] == "sacct" else "what the tasks' files say of their runs")
    if not rows:
        return None
    caption = (
        "What the jobs asked for and what they used; memory is a node's. Memory and CPU are from "
        f"{' and '.join(sorted(sources)) or 'nowhere: they are not known'}. The last column would have fitted better, as keys of "
        "the profile."
    )
    head = ["stage", "jobs", "time limit", "longest", "memory", "most used", "core hours", "cores busy", "better"]
    return caption, head, rows


def lacking(folder):
    """{task: why its file is missing, as far as files tell}, which results.h5 has been made without (reduce.partial)."""
    try:
        with h5py.File(pathlib.Path(folder) / "results.h5") as file:
            if "missing" not in file:
                return {}
            return dict(zip(file["missing/task"].asstr()[...], file["missing/reason"].asstr()[...]))
    except OSError:
        return {}


def missing(status, without=()):
    """(caption, head, rows) of a table: the tasks that are not done, and why; None if all are. `without`: as lacking() has it;
    Slurm's reasons come first."""
    rows = [[f["task"], f["reason"] + (f" ({f['tries']} tries)" if f.get("tries", 0) > 1 else "")] for f in status.get("failed", [])]
    rows += [[b["task"], f"needs {b['reason']}"] for b in status.get("blocked", [])]
    rows += [[task, why] for task, why in dict(without).items() if task not in {row[0] for row in rows}]
    if not rows:
        return None
    return f"What is missing, and why: {len(rows)} task{'s' if len(rows) != 1 else ''}.", ["task", "reason"], rows


def tables(folder):
    """All of these that there are."""
    status = read(folder) or {"stages": []}
    return [found for found in (missing(status, lacking(folder)), used(status)) if found]

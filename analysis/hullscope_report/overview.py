"""What was run, what is missing and why, which choices are ours, and what it cost."""

import numpy as np

from .pieces import count, escape, number, plural
from .results import TRIALS_FOR_INTERVAL, WRONG_FOR_AUROC
from .style import measure_name

STAGES = ["train", "extract", "encode", "hull", "proximity", "reduce"]


def option(results, key, default=None):
    node = results.study
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return default
        node = node[part]
    return node


def runs_by_stage(results, files):
    found = {}
    for entry in files + [{"stage": "reduce", "run": results.run}]:
        found.setdefault(entry["stage"] or "?", []).append(entry["run"])
    return found


def devices(files):
    """Where networks were trained, as the files say."""
    said = {str(e["run"].get("device", "")) for e in files if e["stage"] in ("train", "extract")} - {""}
    return ", ".join(sorted(said))


def made_elsewhere(results):
    """What each network of the study comes as that hullscope did not train: {"bars": "TorchScript"}."""
    kinds = {"torchscript": "TorchScript", "features": "arrays of features"}
    return {network["name"]: words for network in option(results, "network", []) for key, words in kinds.items() if key in network}


def trained_here(results):
    """Does the study train any of its networks?"""
    return not set(results.networks) <= set(made_elsewhere(results))


def duration(seconds):
    return f"{seconds:.1f} seconds" if seconds < 60 else f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:,.2f} hours"


def what_was_run(results, files):
    preset = str(option(results, "preset", ""))
    seconds = sum(float(e["run"].get("cpu_seconds", 0) or 0) for e in files)
    spaces = option(results, "hull.spaces", [])
    elsewhere, trained = made_elsewhere(results), trained_here(results)
    named = [f"{w} (made elsewhere: {elsewhere[w]})" if w in elsewhere else w for w in results.networks]
    device = devices(files) or f"train.device = {option(results, 'train.device', 'not recorded')}"
    classifiers = f"{option(results, 'train.epochs', '?')} of the classifiers, " if trained else ""
    facts = [
        ("data", f"{results.data_set}: {results.n_train:,} training and {results.n_test:,} test points"),
        ("preset", preset or "none"),
        ("networks", f"{len(results.networks)}: {', '.join(named)}"),
        ("trials", f"{len(results.trials)} of each, with seeds of their own (seed {option(results, 'seed', '?')})"),
        ("epochs", f"{classifiers}{option(results, 'encode.epochs', '?')} of the autoencoders"),
        *([("device", device)] if trained else []),
        ("latent spaces", f"d = {', '.join(map(str, results.bottlenecks))}"),
        ("hulls tested in", ", ".join(spaces) or "no space"),
        ("distances measured in", ", ".join(results.spaces) or "no space"),
        ("CPU time of the files", duration(seconds) if seconds else "not recorded"),
        ("made by", f"hullscope {results.run.get('software_version', '')}, {results.run.get('created', '')}"),
    ]
    rows = "".join(f'<tr><th scope="row">{escape(k)}</th><td class="text">{escape(v)}</td></tr>' for k, v in facts)
    return f'<div class="wrap"><table><caption class="hidden">What was run</caption><tbody>{rows}</tbody></table></div>'


def missing(results, table, files):
    """One sentence for everything that the report would show and this study does not have, with the reason."""
    found, hulls = [], option(results, "hull.spaces", [])
    asked = option(results, "train.trials", len(results.trials))
    if asked != len(results.trials):
        found.append(f"{asked} trials are asked for by study.toml, {len(results.trials)} are in results.h5: run the study again to have the rest.")
    judged = results["/relative_accuracy/mean"]
    without = [w for n, w in enumerate(results.networks) if not np.isfinite(judged[n]).any()]
    if without and results.bottlenecks:
        found.append(f"No relative accuracy and no intrinsic dimension of {', '.join(without)}: predictions alone cannot judge a reconstruction; network.head gives them.")
    gone = [e["file"] for e in files if not e["there"]]
    if gone:
        found.append(f"{plural(len(gone), 'file')} that the statistics came from are no longer in this folder (the first: {gone[0]}); their costs and images are missing.")
    for space, words in (("pixel", "pixels"), ("neural", "the neural space"), ("latent", "the latent spaces")):
        if space not in hulls:
            found.append(f"No hull in {words}: hull.spaces does not name {space}.")
        if space not in results.spaces:
            found.append(f"No distances in {words}: proximity.spaces does not name {space}.")
    if "latent" in hulls and "pca" not in hulls:
        found.append("No baseline of principal components, so claim (c') cannot be decided: hull.spaces does not name pca.")
    for key, words in (("hull.classes", "No hulls of single classes"), ("hull.left_out", "No training points left out of their own hull"),
                       ("hull.subsets", "No hulls of fewer training points")):  # fmt: skip
        if hulls and not option(results, key):
            found.append(f"{words}: {key} is not set.")
    if hulls and not option(results, "hull.projection", False):
        found.append("No distance to the hull as a score: hull.projection is not set.")
    if not option(results, "proximity.scores", []) and results.spaces:
        found.append("No further scores of proximity: proximity.scores is empty.")
    if len(table) == 0:
        found.append("No long table: results.h5 was made by an older hullscope; hullscope reduce STUDY.toml --force-new makes it.")
    if results.dimension != 16:
        found.append(f"Latent statistics use d = {results.dimension}, where the paper uses 16: {'16 is not among encode.dimensions' if 16 not in results.bottlenecks else 'reduce.dimension says so'}.")
    return found


def warnings(results, table):
    """One sentence for every statistic that is weaker than it looks."""
    found, trials, preset = [], len(results.trials), str(results.study.get("preset", ""))
    if preset not in ("", "full"):
        found.append(f"Preset “{preset}”: less was computed than the study means to (its preset “full”); not to be compared with the paper.")
    if trials < TRIALS_FOR_INTERVAL:
        found.append(
            f"Only {plural(trials, 'trial')}: values are shown as points, without intervals and without a verdict (at least {TRIALS_FOR_INTERVAL} trials are needed)."
        )
    wrong = results["/accuracy/wrong"]
    for n, network in enumerate(results.networks):
        if wrong[n].min() < WRONG_FOR_AUROC:
            found.append(
                f"{network}: as few as {count(wrong[n].min())} wrong answers in a trial; AUROC, KS and logit rest on them (below {WRONG_FOR_AUROC} they are greyed)."
            )
        undecided = int(np.maximum(results["/hull/undecided"][n], 0).sum())
        if undecided:
            found.append(f"{network}: {undecided:,} hull verdicts are undecided and counted neither inside nor outside.")
        for m, measure in enumerate(results.measures):
            states = {}
            for t in range(trials):
                state = str(results["/logit/status"][n, t, m])
                if state not in ("ok", "no hull verdicts", "no distances"):
                    states.setdefault(state, []).append(results.trials[t])
            for state, where in states.items():
                found.append(
                    f"{network}, {measure_name(measure)}: the logit of trial{'s' if len(where) > 1 else ''} {', '.join(map(str, where))} is not to be trusted ({state})."
                )
    return found


def choices(results):
    """What the paper does not state and this study chose."""
    o = lambda key: option(results, key, "?")  # noqa: E731
    epochs = lambda key: "1 epoch" if o(key) == 1 else f"{o(key)} epochs"  # noqa: E731
    classifiers = [
        f"Classifiers: Adam at rate {o('train.rate')}, batches of {o('train.batch')}, {epochs('train.epochs')}, inputs scaled: {o('train.scaling')}. The paper names Adam alone.",
    ]
    places = {"TorchScript": "its named layer, or the input of its last dense layer", "arrays of features": "the features as they are"}
    spaces = ["values after ReLU, before dropout, in evaluation mode"] if trained_here(results) else []
    spaces += [f"of a network that comes as {kind} {places[kind]}" for kind in sorted(set(made_elsewhere(results).values()))]
    return (classifiers if trained_here(results) else []) + [
        f"Autoencoders: batches of {o('encode.batch')} at rate {o('encode.rate')}, {epochs('encode.epochs')}, {o('encode.output')} output. The paper names none of these; why the defaults are as they are stands in studies/paper/README.md.",
        f"Neural space: {'; '.join(spaces)}.",
        "Inside means: exactly in the closed convex hull, proved; the paper names neither solver nor tolerance.",
        f"Intrinsic dimension: the smallest d with mean relative accuracy of at least {results.threshold:g}, there and at every larger d.",
        "Intervals: Student’s t over trials; for what depends on test points a bootstrap of trials and points together. All are for the one training set that was used.",
    ]


def bullets(items):
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def costs_by_stage(results, files, pieces):
    by_stage, rows = runs_by_stage(results, files), []
    for stage in sorted(by_stage, key=lambda s: STAGES.index(s) if s in STAGES else 99):
        runs = by_stage[stage]
        total = lambda key: sum(float(r.get(key, 0) or 0) for r in runs)  # noqa: E731,B023
        peak = max((float(r.get("peak_bytes", 0) or 0) for r in runs), default=0)
        rows.append([stage, count(len(runs)), number(total("wall_seconds"), 1), number(total("cpu_seconds"), 1), number(peak / 1e6, 0),
                     *(", ".join(sorted({str(r.get(k, "?")) for r in runs})) for k in ("ranks", "software_version", "instruction_set"))])  # fmt: skip
    return pieces.table(
        "costs", "What each stage took. Seconds are summed over its files; files made side by side overlap in wall time.",
        ["stage", "files", "wall s", "CPU s", "peak MB", "ranks", "software", "instructions"], rows, source="/run of every file",
    )  # fmt: skip


def costs(results, files, pieces):
    tasks = [[e["file"], e["stage"], *(number(float(e["run"].get(k, "nan") or "nan"), 2) for k in ("wall_seconds", "cpu_seconds")),
              number(float(e["run"].get("peak_bytes", "nan") or "nan") / 1e6, 0)] for e in files]  # fmt: skip
    return costs_by_stage(results, files, pieces) + "<details><summary>Task by task</summary>" + pieces.table(
        "costs-tasks", f"What each of the {len(tasks)} files took.", ["file", "stage", "wall s", "CPU s", "peak MB"], tasks, 2, source="/run of every file",
    ) + "</details>"  # fmt: skip

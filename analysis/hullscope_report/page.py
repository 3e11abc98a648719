"""index.html: one self-contained page that says what the study found, how well it is known, and where it came from."""

import html
import math

import numpy as np

from .figures import MEASURE_NAMES, space_index
from .results import TRIALS_FOR_INTERVAL, WRONG_FOR_AUROC, mean_over_trials, paper_values

CSS = """
:root { color-scheme: light; --ink: #1b1f24; --quiet: #5a6270; --line: #d8dce2; --paper: #fff; --tint: #f5f7f9; --link: #0b5c94; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p { margin: .5rem 0; }
.quiet, figcaption, .caption { color: var(--quiet); font-size: .88rem; }
.caption { margin: 1.1rem 0 .1rem; }
.answer { font-size: 1.05rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .4rem 0; }
th, td { padding: .22rem .7rem .22rem 0; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid var(--line); }
tbody th { font-weight: 400; text-align: left; }
td.weak { color: #9aa1ab; }
figure { margin: 1.2rem 0 1.8rem; }
figure svg { width: 100%; height: auto; }
.warnings { background: #fff7e6; border-left: 4px solid #e69f00; padding: .5rem 1rem; }
.warnings ul { margin: .3rem 0; padding-left: 1.1rem; }
code, pre { font-family: "DejaVu Sans Mono", ui-monospace, monospace; font-size: .85em; }
pre { background: var(--tint); padding: .7rem .9rem; overflow-x: auto; }
a { color: var(--link); }
details summary { cursor: pointer; }
.digest { font-size: .75rem; color: var(--quiet); }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""


def escape(value):
    return html.escape(str(value))


def number(value, digits=3):
    if value is None or (isinstance(value, (float, np.floating)) and not math.isfinite(value)):
        return "–" if value is None or math.isnan(value) else ("∞" if value > 0 else "−∞")
    return f"{value:,.{digits}f}".replace("-", "−")


def count(value):
    return f"{int(value):,}"


def p_value(value):
    return "–" if not math.isfinite(value) else ("< 0.001" if value < 0.001 else f"{value:.3f}")


def table(caption, head, rows, text_columns=1, weak=()):
    """head: names; rows: lists of cell texts, the first a row header; weak: (row, column) greyed."""
    cells = "".join(f'<th scope="col"{" class=text" if c < text_columns else ""}>{escape(h)}</th>' for c, h in enumerate(head))
    body = []
    for r, row in enumerate(rows):
        line = f'<th scope="row">{escape(row[0])}</th>'
        for c, cell in enumerate(row[1:], 1):
            kind = "weak" if (r, c) in weak else ("text" if c < text_columns else "")
            line += f"<td{f' class={kind}' if kind else ''}>{escape(cell)}</td>"
        body.append(f"<tr>{line}</tr>")
    return (
        f'<div class="block"><p class="caption">{escape(caption)}</p><div class="scroll" tabindex="0">'
        f'<table aria-label="{escape(caption)}"><thead><tr>{cells}</tr></thead><tbody>{"".join(body)}</tbody></table></div></div>'
    )


def with_interval(mean, bounds, digits=3):
    text = number(mean, digits)
    return text if not np.isfinite(bounds).all() else f"{text} [{number(bounds[0], digits)}, {number(bounds[1], digits)}]"


def answer(results):
    """The finding in words, a sentence a network, from the tables below."""
    sentences = []
    widest = len(results.bottlenecks) - 1
    latent = space_index(results, "latent")
    euclidean = results.measures.index("euclidean") if "euclidean" in results.measures else 0
    for n, network in enumerate(results.networks):
        intrinsic = int(results["/intrinsic_dimension/value"][n])
        accuracy = results["/accuracy/test_mean"][n]
        sentence = f"<strong>{escape(network)}</strong> ({accuracy:.1%} test accuracy) "
        if intrinsic > 0:
            k = results.bottlenecks.index(intrinsic)
            sentence += (
                f"keeps {results.threshold:.0%} of its accuracy from {intrinsic} latent dimension{'s' if intrinsic > 1 else ''} on; in that "
                f"space {results['/hull/mean'][n, k]:.2%} of the {results.n_test:,} test points lie in the convex hull of "
                f"the {results.n_train:,} training points"
            )
            if k != widest:
                sentence += f", in {results.bottlenecks[widest]} dimensions {results['/hull/mean'][n, widest]:.2%}"
        else:
            sentence += (
                f"does not keep {results.threshold:.0%} of its accuracy through any studied bottleneck; in "
                f"{results.bottlenecks[widest]} dimensions {results['/hull/mean'][n, widest]:.2%} of the {results.n_test:,} "
                "test points lie in the hull of the training points"
            )
        if latent is not None and np.isfinite(results["/auroc"][n, :, latent, euclidean]).any():
            auroc = mean_over_trials(results["/auroc"][n, :, latent, euclidean], 0)
            sentence += f". Distance to the nearest training point there (d = {results.dimension}) "
            if auroc >= 0.55:
                sentence += f"tells wrong answers from right ones with an AUROC of {auroc:.2f}"
            elif auroc > 0.45:
                sentence += f"says next to nothing about the answer (AUROC {auroc:.2f}; 0.5 is chance)"
            else:
                sentence += f"goes the other way: wrong answers lie nearer than right ones (AUROC {auroc:.2f})"
        sentences.append(f"<p class=answer>{sentence}.</p>")
    return "".join(sentences)


def warnings(results):
    """One sentence for every statistic that is weaker than it looks."""
    found = []
    trials = len(results.trials)
    preset = str(results.study.get("preset", ""))
    if preset not in ("", "full"):
        found.append(f"Preset “{preset}”: less was computed than the study means to (its preset “full”); not to be compared with the paper.")
    if trials < TRIALS_FOR_INTERVAL:
        found.append(
            f"Only {trials} trial{'s' if trials != 1 else ''}: values are shown as points, without intervals and without a "
            f"verdict (at least {TRIALS_FOR_INTERVAL} trials are needed)."
        )
    wrong = results["/accuracy/wrong"]
    for n, network in enumerate(results.networks):
        if wrong[n].min() < WRONG_FOR_AUROC:
            found.append(
                f"{network}: as few as {count(wrong[n].min())} wrong answers in a trial; AUROC, KS and logit rest on them "
                f"(below {WRONG_FOR_AUROC} they are greyed)."
            )
        undecided = int(results["/hull/undecided"][n].sum())
        if undecided:
            found.append(f"{network}: {undecided:,} hull verdicts are undecided and counted neither inside nor outside.")
        for m, measure in enumerate(results.measures):
            states = {}
            for t in range(trials):
                state = str(results["/logit/status"][n, t, m])
                if state != "ok":
                    states.setdefault(state, []).append(results.trials[t])
            for state, where in states.items():
                found.append(
                    f"{network}, {MEASURE_NAMES.get(measure, measure)}: the logit of trial{'s' if len(where) > 1 else ''} "
                    f"{', '.join(map(str, where))} is not to be trusted ({state})."
                )
    if results.dimension != 16:
        found.append(f"Latent statistics use d = {results.dimension}, where the paper uses 16.")
    return found


def accuracy_table(results):
    paper = paper_values(results)
    head = ["network", "trials", "test accuracy", "train accuracy", "wrong answers (mean)", "intrinsic dimension"]
    rows = []
    for n, network in enumerate(results.networks):
        intrinsic = int(results["/intrinsic_dimension/value"][n])
        row = [network, count(len(results.trials)),
               with_interval(results["/accuracy/test_mean"][n], results["/accuracy/test_interval"][n], 4),
               number(mean_over_trials(results["/accuracy/train"][n], 0), 4), number(results["/accuracy/wrong"][n].mean(), 1),
               str(intrinsic) if intrinsic > 0 else f"> {max(results.bottlenecks)}"]  # fmt: skip
        if paper:
            row.append(number(paper[network]["test_accuracy"], 3) if network in paper else "–")
        rows.append(row)
    return table(
        f"Accuracy on the {results.n_test:,} test points, mean over trials; intrinsic dimension: smallest d with mean relative "
        f"accuracy ≥ {results.threshold:g} there and at every larger d.",
        head + (["paper"] if paper else []), rows)  # fmt: skip


def by_dimension_table(results, caption, mean, bounds, paper_key, digits=3):
    paper = paper_values(results)
    rows = []
    for n, network in enumerate(results.networks):
        rows.append([network] + [with_interval(mean[n, k], bounds[n, k], digits) for k in range(len(results.bottlenecks))])
        if network in paper and paper_key:
            known = dict(zip(paper[network]["bottleneck"], paper[network][paper_key]))
            rows.append([f"{network}, paper"] + [number(known.get(d), 3) for d in results.bottlenecks])
    return table(caption, ["network"] + [f"d = {d}" for d in results.bottlenecks], rows)


def hull_tables(results):
    no_bounds = np.full((len(results.networks), len(results.bottlenecks), 2), np.nan)
    eps = float(results.attributes.get("eps", 0))
    parts = [
        by_dimension_table(results, "Relative accuracy of the hybrid network, mean over trials.",
                           results["/relative_accuracy/mean"], results["/relative_accuracy/interval"], "relative_accuracy", 4),
        by_dimension_table(results, "Fraction of test points inside the hull of the training points, exact, mean over trials.",
                           results["/hull/mean"], results["/hull/interval"], "fraction_in_hull", 4),
        by_dimension_table(results, f"The same, counting points within {eps:.2g} of the scale as inside.",
                           mean_over_trials(results["/hull/within_eps"]), no_bounds, None, 4),
        by_dimension_table(results, "Unexplained variance of the autoencoder on the test activations, mean over trials.",
                           mean_over_trials(results["/unexplained_variance/test"]), no_bounds, None, 5),
    ]  # fmt: skip
    if "/hull/neural_inside" in results:
        parts.append(
            table("Fraction inside the hull in the neural space.", ["network"] + [f"trial {t}" for t in results.trials],
                  [[network] + [number(v, 4) for v in results["/hull/neural_inside"][n]] for n, network in enumerate(results.networks)]))  # fmt: skip
    if "/hull/pixel_inside" in results:
        parts.append(f"<p>Fraction of test points inside the hull in pixels: {number(float(results['/hull/pixel_inside']), 4)}.</p>")
    return "".join(parts)


def proximity_table(results):
    head = ["network", "space", "measure", "AUROC (wrong against right)", "KS"]
    rows, weak = [], set()
    for n, network in enumerate(results.networks):
        for k, space in enumerate(results.spaces):
            for m, measure in enumerate(results.measures):
                if results["/accuracy/wrong"][n].min() < WRONG_FOR_AUROC:
                    weak.update({(len(rows), 3), (len(rows), 4)})
                rows.append([network, space, MEASURE_NAMES.get(measure, measure) + (" (uses the label)" if "true_class" in measure else ""),
                             number(mean_over_trials(results["/auroc"][n, :, k, m], 0), 3),
                             number(mean_over_trials(results["/ks/statistic"][n, :, k, m], 0), 3)])  # fmt: skip
    return table("Does distance to the nearest training point tell wrong answers from right ones? Means over trials.", head, rows, 3, weak)


def logit_table(results, kind, words):
    terms = [str(t) for t in results["/term"]]
    restrictions = [str(r) for r in results["/restriction"]]
    head = ["network", "measure", "trial"] + [f"z {t.replace('_', ' ')}" for t in terms if t != "intercept"]
    likelihood = kind == "standardised"
    if likelihood:
        head += [f"p, {r}" for r in restrictions]
    head.append("fit")
    rows = []
    for n, network in enumerate(results.networks):
        for m, measure in enumerate(results.measures):
            for t, trial in enumerate(results.trials):
                z = results[f"/logit/{kind}/z"][n, t, m]
                row = [network, measure.replace("_", " "), str(trial)]
                row += [number(z[k], 2) for k, term in enumerate(terms) if term != "intercept"]
                if likelihood:
                    row += [p_value(v) for v in results["/logit/likelihood_ratio_p"][n, t, m]]
                rows.append(row + [str(results["/logit/status"][n, t, m])])
    return table(words, head, rows, 2)


def options_table(results):
    rows = []

    def walk(prefix, node):
        for key, value in node.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            elif key == "network" and isinstance(value, list):
                rows.extend([f"network {item.get('name')}", " – ".join(item.get("layers", []))] for item in value)
            else:
                rows.append([prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)])

    walk("", results.study)
    return table("The study as it was run (study.toml).", ["key", "value"], rows, 2).replace("<td class=text>", '<td class=text style="white-space:normal">')


def provenance(results, files):
    by_stage = {}
    for entry in files + [{"stage": "reduce", "run": results.run}]:
        by_stage.setdefault(entry["stage"] or "?", []).append(entry["run"])
    order = ["train", "extract", "encode", "hull", "proximity", "reduce"]
    rows = []
    for stage in sorted(by_stage, key=lambda s: order.index(s) if s in order else 99):
        runs = by_stage[stage]
        total = lambda key: sum(float(r.get(key, 0) or 0) for r in runs)  # noqa: E731
        peak = max((float(r.get("peak_bytes", 0) or 0) for r in runs), default=0)
        rows.append([stage, count(len(runs)), number(total("wall_seconds"), 1), number(total("cpu_seconds"), 1), number(peak / 1e6, 0),
                     ", ".join(sorted({str(r.get("ranks", "?")) for r in runs})),
                     ", ".join(sorted({str(r.get("software_version", "?")) for r in runs})),
                     ", ".join(sorted({str(r.get("instruction_set", "?")) for r in runs}))])  # fmt: skip
    hosts = sorted({str(r.get("hosts", "")) for runs in by_stage.values() for r in runs} - {""})
    listing = "".join(
        f"<tr><th scope=row>{escape(e['file'])}</th><td class='text digest'><code>{escape(e['digest'])}</code></td></tr>" for e in files
    )
    return (
        table("What each stage took. Seconds are summed over its files; files made side by side overlap in wall time.",
              ["stage", "files", "wall s", "CPU s", "peak MB", "ranks", "software", "instructions"], rows)  # fmt: skip
        + f"<p>Hosts: {escape('; '.join(hosts) or 'not recorded')}. Content digest of results.h5: "
        f"<code class=digest>{escape(results.attributes.get('content_digest', ''))}</code></p>"
        + f"<details><summary>Digests of the {len(files)} files that the statistics came from</summary><div class=scroll><table>"
        f"<thead><tr><th scope=col>file</th><th scope=col class=text>content digest (SHA-256)</th></tr></thead><tbody>{listing}</tbody></table></div></details>"
    )


def inline_svg(svg, name, caption):
    """The figure's SVG for use inside the page: no XML header, ids of its own, a title for readers who cannot see it."""
    start = svg.index("<svg")
    body = svg[start:]
    prefix = "".join(c if c.isalnum() else "-" for c in name)
    for mark in ('id="', 'href="#', "url(#"):
        body = body.replace(mark, mark + prefix + "-")
    end = body.index(">")
    return body[:end] + f' role="img" aria-label="{escape(caption)}"' + body[end:]


def render(results, figures):
    files = results.files()
    title = results.study.get("report", {}).get("title") or f"{results.study.get('name', 'study')}: in the hull, and near it?"
    found = warnings(results)
    warning_box = (
        f'<section class=warnings aria-label="Warnings"><strong>Read with care</strong><ul>{"".join(f"<li>{escape(w)}</li>" for w in found)}</ul></section>'
        if found
        else ""
    )
    shown = [
        f'<figure id="{escape(name)}" aria-label="{escape(heading)}">{inline_svg(svg, name, caption)}<figcaption>{escape(caption)} '
        f'<a href="figures/{escape(name)}.png">PNG</a> · <a href="figures/{escape(name)}.svg">SVG</a> · '
        f'<a href="figures/{escape(name)}.csv">data (CSV)</a></figcaption></figure>'
        for name, heading, caption, svg in figures
    ]
    hull_files = [e["file"] for e in files if e["stage"] == "hull"]
    example = hull_files[0] if hull_files else "NETWORK/trial-00/latent-16/hull.h5"
    compared = (
        "<p class=quiet>Values of the paper: Bonnasse-Gahot (2022), Fig. 4, means of ten trials, read from the vector figure.</p>"
        if paper_values(results)
        else ""
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{CSS}</style></head><body>
<header><h1>{escape(title)}</h1>
<p class=quiet>Study “{escape(results.study.get('name', ''))}” on {escape(results.data_set)}: {results.n_train:,} training and
{results.n_test:,} test points, {len(results.networks)} network{'s' if len(results.networks) != 1 else ''} × {len(results.trials)}
trial{'s' if len(results.trials) != 1 else ''}, latent spaces d = {', '.join(map(str, results.bottlenecks))}.
Made by hullscope {escape(results.run.get('software_version', ''))}.</p></header>
<main>{answer(results)}
{warning_box}
<h2 id="tables">In the hull?</h2>{shown[0]}{accuracy_table(results)}{hull_tables(results)}{compared}
<h2 id="proximity">Near the training set?</h2>{"".join(shown[1:])}{proximity_table(results)}
<h2 id="logit">What goes with a right answer</h2>
{logit_table(results, 'raw', f"The paper's fit, correct ~ distance + in_hull + distance:in_hull, latent d = {results.dimension}. Distance is not centred: the in_hull term is the effect at distance 0, outside the data.")}
{logit_table(results, 'standardised', "The same with distance centred and scaled to unit variance, and likelihood-ratio tests: without the hull's terms, without those of distance (2 degrees of freedom).")}
<h2 id="options">What was run</h2>{options_table(results)}
<h2 id="provenance">Where it came from</h2>{provenance(results, files)}
<h2 id="check">Check it yourself</h2>
<p>Every hull verdict carries its proof. Another program, which shares no code with the finder, re-proves them from the data:</p>
<pre>hullscope verify {escape(example)}</pre>
<p>Every file opens in Python:</p>
<pre>import h5py, xarray
h5py.File("results.h5")["/hull/inside"][...]          # network x trial x bottleneck
xarray.open_dataset("{escape(example)}", engine="h5netcdf")</pre>
</main></body></html>
"""

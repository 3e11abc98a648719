"""index.html: what was run, the claims, the figures with the paper's values beside them, the tables, and where it came from."""

import numpy as np

from . import fig4, fig5, hull_figures, images, jobs, overview, scores, special, tables, test_sets, verdicts
from .fig4 import families
from .long_table import long_table
from .pieces import Pieces, escape, page, plural, slug
from .reference import paper_values
from .results import WRONG_FOR_AUROC, mean_over_trials
from .style import measure_name, space_index


def watermark(results):
    preset = str(results.study.get("preset", ""))
    return f"preset {preset}" if preset not in ("", "full") else ""


def beyond_latent(results, n):
    """", in its last hidden layer 0.12%, in pixels 0.00%": the share of the test points inside, where the study tested it."""
    found = ""
    if "/hull/neural_inside" in results and np.isfinite(results["/hull/neural_inside"][n]).any():
        found += f", in its last hidden layer {mean_over_trials(results['/hull/neural_inside'][n], 0):.2%}"
    if "/hull/pixel_inside" in results and np.isfinite(results["/hull/pixel_inside"]):
        found += f", in pixels {float(results['/hull/pixel_inside']):.2%}"
    if found and not np.isfinite(results["/hull/mean"][n]).any():
        return f"; of the {results.n_test:,} test points there lie in the convex hull of the {results.n_train:,} training points {found[2:]}"
    return found


def answer(results):
    """The finding in words, a sentence a network, from the tables below."""
    sentences, widest, latent = [], len(results.bottlenecks) - 1, space_index(results, "latent")
    euclidean = results.measures.index("euclidean") if "euclidean" in results.measures else 0
    for n, network in enumerate(results.networks):
        intrinsic, hull = int(results["/intrinsic_dimension/value"][n]), results["/hull/mean"][n]
        sentence = f"<strong>{escape(network)}</strong> ({results['/accuracy/test_mean'][n]:.1%} test accuracy) "
        inside = lambda k: f"{hull[k]:.2%} of the {results.n_test:,} test points lie in the convex hull of the {results.n_train:,} training points"  # noqa: E731,B023
        if intrinsic > 0:
            k = results.bottlenecks.index(intrinsic)
            sentence += f"keeps {results.threshold:.0%} of its accuracy from {plural(intrinsic, 'latent dimension')} on"
            if np.isfinite(hull[k]):
                sentence += f"; in that space {inside(k)}" + (f", in {results.bottlenecks[widest]} dimensions {hull[widest]:.2%}" if k != widest else "")
        else:
            judged = np.isfinite(results["/relative_accuracy/mean"][n]).any()
            sentence += f"does not keep {results.threshold:.0%} of its accuracy through any studied bottleneck" if judged else "comes without a head, so that its accuracy through a bottleneck is not known"
            if np.isfinite(hull[widest]):
                sentence += f"; in {results.bottlenecks[widest]} dimensions {inside(widest)}"
        sentence += beyond_latent(results, n)
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


def job_tables(results, pieces):
    """Of a study that was submitted to Slurm: what failed, and what its jobs asked for and used."""
    return "".join(pieces.table(f"jobs-{k}", caption, head, rows, 2, source="batch/status.json", wrap=True)
                   for k, (caption, head, rows) in enumerate(jobs.tables(results.folder)))  # fmt: skip


def overview_section(results, table, files, pieces):
    found, lacking = overview.warnings(results, table), overview.missing(results, table, files)
    parts = [overview.what_was_run(results, files), answer(results)]
    if found:
        parts.append(f'<section class="warnings" aria-label="Warnings"><strong>Read with care</strong>{overview.bullets(found)}</section>')
    if lacking:
        parts.append(f"<h3>What is missing, and why</h3>{overview.bullets(lacking)}")
    parts.append(job_tables(results, pieces))
    parts.append(f"<h3>Which choices are ours</h3>{overview.bullets(overview.choices(results))}")
    return "".join(parts)


def figure_4_section(results, pieces):
    parts, cells = [], []
    for suffix, members in fig4.groups_of(results):
        figure, frame, caption, alt = fig4.draw(results, members)
        below, own = verdicts.beside_figure_4(results, pieces, suffix, members)
        heading = "Fig. 4: accuracy through the bottleneck, and in the hull" + (f" ({suffix[1:]})" if suffix else "")
        parts.append(pieces.figure(f"fig4{suffix}", heading, figure, frame, caption, alt, "results.h5:/relative_accuracy, /hull", below))
        cells += own
    toy = special.toy_figure(results)
    if toy:
        head, rows = special.toy_table(results)
        below = pieces.table("toy", "The rule on the mean over trials, and in single trials.", head, rows, 4, source="results.h5:/relative_accuracy")
        parts.insert(0, pieces.figure("fig2d", "Fig. 2D: is the true dimension found?", *toy, "results.h5:/relative_accuracy", below))
    return "".join(parts), cells


def figure_5_section(results, pieces):
    parts, cells, of_paper = [], [], verdicts.figures_of_paper(results)
    for m, measure in enumerate(results.measures if results.spaces else []):  # none where no distances were measured
        for family, members in families(results).items():
            name = f"fig5-{slug(measure)}-{slug(family)}"
            figure, frame, caption, alt = fig5.draw(results, family, members, m)
            below, own = verdicts.beside_figure_5(results, pieces, name, family, members, m)
            number = of_paper.get((family, measure))
            heading = f"{f'Fig. {number}: ' if number else 'As Fig. 5: '}{family}, {measure_name(measure)}"
            source = "results.h5:/bins, /distance_by_cell, /logit, /histogram, /ks"
            parts.append(pieces.figure(name, heading, figure, frame, caption, alt, source, below))
            cells += own
    return "".join(parts), cells


def hull_section(results, table, pieces):
    parts = []
    for name, heading, draw, source in hull_figures.FIGURES:
        drawn = draw(results, table)
        if drawn:
            parts.append(pieces.figure(name, heading, *drawn, source))
    parts.append(tables.hull_distances(table, pieces))
    further = tables.further_hulls(table, pieces)
    return "".join(parts) + (f"<details><summary>Every value of the further hulls</summary>{further}</details>" if further else "")


def scores_section(results, table, pieces):
    drawn = scores.figure(results, table)
    if not drawn:
        return ""
    head, rows, weak = scores.table_rows(results, table, WRONG_FOR_AUROC)
    return pieces.figure("fig-scores", "How well each measure tells wrong from right", *drawn, "results.h5:/table, auroc") + pieces.table(
        "scores",
        f"Scores of wrong (positive) against right answers, means over trials, crossed-bootstrap intervals. A measure that uses the true label explains and cannot predict. Below {WRONG_FOR_AUROC} wrong answers: greyed, no FPR.",
        head, rows, 4, weak, source="results.h5:/table")  # fmt: skip


def images_section(results, pieces):
    if not results.networks or not results.bottlenecks:
        return ""
    drawn = images.draw(results, fig5.best_of(results, list(range(len(results.networks)))))
    if isinstance(drawn, str):
        return f"<p class=quiet>{escape(drawn)}</p>"
    return pieces.figure("fig-neighbours", "Nearest neighbours and worst errors", *drawn, "NETWORK/trial-NN/proximity.h5, activations.h5")


def logit_section(results, table, pieces):
    raw = (f"The paper’s fit, correct ~ distance + in_hull + distance:in_hull, latent d = {results.dimension}. Distance is not centred: the in_hull "
           "term is the effect at distance 0, outside the data.")  # fmt: skip
    return "".join([
        tables.pooled_logits(table, pieces), tables.likelihood_summary(results, pieces), tables.hull_effects(table, pieces), tables.firth_logits(table, pieces),
        f"<details><summary>Trial by trial</summary>{tables.logits(results, pieces, 'raw', raw)}",
        tables.logits(results, pieces, "standardised", "The same with distance centred and scaled to unit variance, and likelihood-ratio tests: without the hull’s terms, without those of distance (2 degrees of freedom)."),
        "</details>"])  # fmt: skip


def provenance(results, files, pieces):
    hosts = sorted({str(e["run"].get("hosts", "")) for e in files} - {""})
    hull = [e["file"] for e in files if e["stage"] == "hull"]
    example = hull[0] if hull else "NETWORK/trial-00/latent-16/hull.h5"
    digests = pieces.table("files", f"Digests of the {len(files)} files that the statistics came from.", ["file", "content digest (SHA-256)"],
                           [[e["file"], e["digest"]] for e in files], 2, source="results.h5:/task_file, /task_digest", wrap=True)  # fmt: skip
    return (
        f"{overview.costs(results, files, pieces)}<p>Hosts: {escape('; '.join(hosts) or 'not recorded')}. Content digest of results.h5: "
        f"<code>{escape(results.attributes.get('content_digest', ''))}</code></p><details><summary>Files and digests</summary>{digests}</details>"
        "<h3>Check it yourself</h3><p>Every hull verdict carries its proof. Another program, which shares no code with the finder, re-proves them from the data:</p>"
        f"<pre>hullscope verify {escape(example)}</pre><p>Every file opens in Python:</p><pre>import hullscope_io                                  # analysis/hullscope_io.py\n"
        'hullscope_io.results(".")                            # the long table as a data frame\n'
        f'import xarray; xarray.open_dataset("{escape(example)}", engine="h5netcdf")</pre>'
    )


def render(results, folder):
    """Writes figures and tables below the folder; returns the page."""
    table, files = long_table(results), results.files()
    pieces = Pieces(folder, watermark(results))
    title = results.study.get("report", {}).get("title") or f"{results.study.get('name', 'study')}: in the hull, and near it?"
    fig_4, cells_4 = figure_4_section(results, pieces)
    fig_5, cells_5 = figure_5_section(results, pieces)
    compared = verdicts.summary(cells_4 + cells_5)
    if compared:
        compared += ("<p class=quiet>Values of the paper: Bonnasse-Gahot (2022), read from its vector figures. A value agrees if it lies within the larger of 0.01 and two "
                     "standard errors of both; of a z value the sign alone is compared.</p>")  # fmt: skip
    elif paper_values(results):
        compared = "<p>The paper gives no value that this study has.</p>"
    sections = [
        ("overview", "What was run", overview_section(results, table, files, pieces)),
        ("claims", "The claims", verdicts.claims_section(results, pieces)),
        ("figure-4", "Low-dimensional, and in the hull", compared + fig_4),
        ("figure-5", "What goes with a right answer", fig_5),
        ("hulls", "Further hulls", hull_section(results, table, pieces)),
        ("scores", "Which measure predicts best", scores_section(results, table, pieces)),
        ("test-sets", "Under shift, and before foreign data", test_sets.section(results, table, pieces)),
        ("images", "To look at", images_section(results, pieces)),
        ("tables", "Tables: accuracy and hull", tables.accuracy(results, pieces) + tables.hulls(results, table, pieces) + tables.dimensions(table, pieces)),
        ("proximity", "Tables: distances", tables.distances(results, pieces) if results.spaces else ""),
        ("logit", "Tables: logits", logit_section(results, table, pieces) if results.spaces else ""),
        ("options", "Every option", tables.study_options(results, pieces)),
        ("provenance", "Cost, files and proofs", provenance(results, files, pieces)),
    ]  # fmt: skip
    shown = [s for s in sections if s[2]]
    body = "".join(f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(words)}</h2>{content}</section>' for name, words, content in shown)
    return page(title, body, [(name, words) for name, words, _ in shown])

#!/usr/bin/python3
"""paper_page.py DIR [--output FILE.md]: a finished study beside the paper, value by value, as one Markdown page with its
tables as CSV in a folder of the same name. Without --output the page goes to standard output and no CSV is written.

What the page says comes from results.h5, analysis/claims.toml and the paper's plotted values alone. Exit codes: 0 done,
1 the machine failed, 2 wrong usage or a folder without results.
"""

import argparse
import pathlib
import re
import sys
import tempfile

from hullscope_report.program import ended


def intro(results, files, beside):
    from hullscope_report import overview

    option = lambda key: overview.option(results, key, "?")  # noqa: E731
    seconds = sum(float(e["run"].get("cpu_seconds", 0) or 0) for e in files)
    preset = str(option("preset"))
    title = results.study.get("report", {}).get("title") or results.study.get("name", "study")
    versions = sorted({str(e["run"].get("software_version", "?")) for e in files if e["there"]} | {str(results.run.get("software_version", "?"))})
    return [
        f"# {title}{': beside the paper' if beside else ''}", "", f"    analysis/paper_page.py runs/{results.study.get('name', 'study')}", "",
        f"Data set {results.data_set}, {len(results.networks)} networks ({', '.join(results.networks)}), {len(results.trials)} trials of each, preset "
        f"{preset or 'none'}, {option('train.epochs')} epochs, autoencoders {option('encode.epochs')} epochs at rate {option('encode.rate')} with {option('encode.output')} "
        f"output; {results.n_train:,} training and {results.n_test:,} test points. {len(files)} files, {seconds / 3600:.2f} CPU hours, hullscope {', '.join(versions)}.", "",
    ]  # fmt: skip


def figure_4(results, pieces):
    from hullscope_report import fig4, sensitivity, verdicts

    parts, cells = [], []
    for suffix, members in fig4.groups_of(results):
        text, own = verdicts.beside_figure_4(results, pieces, suffix, members)
        parts.append(text)
        cells += own
    if not sensitivity.settings(results.folder):  # the tables' captions say what it was
        parts.append("No sensitivity grid: benchmarks/sensitivity.py DIR makes it.")
    return ["## Fig. 4, and the hull at d = 16", "", *parts, ""] if cells else [], cells


def figure_5(results, pieces):
    from hullscope_report import fig4, verdicts

    parts, cells = [], []
    for m, measure in enumerate(results.measures if results.spaces else []):
        for family, members in fig4.families(results).items():
            text, own = verdicts.beside_figure_5(results, pieces, f"fig5-{measure}-{family}".replace("_", "-"), family, members, m)
            parts.append(text)
            cells += own
    return (["## The logit's z values and the Kolmogorov-Smirnov statistics", "", *parts] if cells else []), cells


def exceptions(results):
    """What speaks against claim (d), in ours as in the paper's supplement."""
    import numpy as np
    from hullscope_report import claims
    from hullscope_report.results import mean_over_trials
    from hullscope_report.style import space_index

    terms = [str(t) for t in results["/term"]]
    larger, negative, fits, rising = [], 0, 0, []
    latent = space_index(results, "latent")
    for n, network in enumerate(results.networks):
        for m, measure in enumerate(results.measures if results.spaces else []):
            z = mean_over_trials(results["/logit/raw/z"][n, :, m], 0)
            in_hull, distance = z[terms.index("in_hull")], z[terms.index("distance")]
            if latent is not None and np.isfinite(results["/auroc"][n, :, latent, m]).any():
                auroc = float(mean_over_trials(results["/auroc"][n, :, latent, m], 0))
                if auroc < 0.5:
                    rising.append(f"{network}, {measure} (AUROC {auroc:.3f})")
            if not np.isfinite([in_hull, distance]).all():
                continue
            fits, negative = fits + 1, negative + (in_hull < 0)
            if abs(in_hull) > abs(distance):
                larger.append(f"{network}, {measure} (z {in_hull:.1f} against {distance:.1f})")
    listed = lambda items: f" ({'; '.join(items)})" if items else ""  # noqa: E731
    paper = claims.paper_exceptions()
    return [
        "## The exceptions", "",
        f"Latent space d = {results.dimension}, means of z over trials. Ours: |z in_hull| > |z distance| in {len(larger)} of {fits} networks x measures{listed(larger)}; "
        f"z in_hull is negative in {negative} of {fits}; wrong answers lie nearer to the training points than right ones in {len(rising)}{listed(rising)}.", "",
        f"The paper's, all data sets: |z in_hull| > |z distance| in {len(paper['in_hull_larger'])} of {paper['fits']}; z in_hull is negative in {paper['cifar_negative']} of the "
        f"{paper['cifar_fits']} CIFAR-10 fits.", "",
    ]  # fmt: skip


def whole(results, pieces):
    from hullscope_report import claims, overview, scores, special, tables, test_sets, verdicts
    from hullscope_report.long_table import long_table, over_trials
    from hullscope_report.results import WRONG_FOR_AUROC

    table, files = long_table(results), results.files()
    four, cells = figure_4(results, pieces)
    five, more = figure_5(results, pieces)
    lines = intro(results, files, bool(cells + more))
    bullets = lambda heading, items: [f"## {heading}", "", *(f"- {item}" for item in items), ""] if items else []  # noqa: E731
    lines += bullets("Read with care", overview.warnings(results, table))
    if special.toys(results):
        head, rows = special.toy_values(results)
        lines += ["## Fig. 2D", "", pieces.table("toy", "Relative accuracy, mean over trials; found: the stated rule on that mean.", head, rows, 3)]
    summary = verdicts.summary_words(cells + more)
    lines += [summary, ""] if summary else []
    lines += four + five + (exceptions(results) if results.spaces else [])
    if len(table):
        rules = claims.read_rules()
        evidence = list(claims.of_results([results.folder]).values())
        lines += ["## The claims, by analysis/claims.toml", ""]
        for e in evidence:
            lines += [claims.as_markdown(e, claims.judge(e, rules), rules).split("\n", 2)[2]]
    lines += ["## Tables", "", tables.accuracy(results, pieces), tables.hulls(results, table, pieces), tables.hull_distances(table, pieces), tables.further_hulls(table, pieces, by_class=False)]
    if results.spaces:
        lines += [tables.likelihood_summary(results, pieces), tables.pooled_logits(table, pieces), tables.hull_effects(table, pieces)]
        if len(over_trials(table, "auroc")):
            head, rows, weak = scores.table_rows(results, table, WRONG_FOR_AUROC)
            lines.append(pieces.table("scores", f"Wrong (positive) against right answers, means over trials. Greyed in the report: fewer than {WRONG_FOR_AUROC} wrong answers.", head, rows, 4, weak))
    asked = test_sets.set_rows(results, table) if len(table) else table
    if len(asked):
        lines += ["## Under shift, and before foreign data", "", test_sets.accuracy_table(asked, pieces), test_sets.shift_table(asked, pieces), test_sets.class_hull_table(asked, pieces), test_sets.wrong_table(asked, pieces), test_sets.foreign_table(asked, pieces)]
    lines += [tables.dimensions(table, pieces), overview.costs_by_stage(results, files, pieces)]
    lines += bullets("What is missing, and why", overview.missing(results, table, files))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def write(folder, output):
    from hullscope_report.markdown import MarkdownPieces
    from hullscope_report.results import Results

    results = Results(folder)
    if not output:
        with tempfile.TemporaryDirectory() as scratch:
            return print(whole(results, MarkdownPieces(scratch, "")), end="")
    output = pathlib.Path(output)
    csv_folder = output.with_suffix("")
    csv_folder.mkdir(parents=True, exist_ok=True)
    output.write_text(whole(results, MarkdownPieces(csv_folder, csv_folder.name)))
    print(f"{output}, {csv_folder}/*.csv")


def main():
    parser = argparse.ArgumentParser(description="A finished study beside the paper, as Markdown and CSV.")
    parser.add_argument("folder", metavar="DIR", help="output folder of the study")
    parser.add_argument("--output", metavar="FILE.md", help="the page; its tables go to a folder of the same name")
    options = parser.parse_args()
    return ended(lambda: write(options.folder, options.output), "the page")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""paper_table.py DIR: a study's values beside those of the paper's Fig. 4 (or, of the toy study, Fig. 2D), as a Markdown
table.

A cell agrees if |ours - paper| <= max(0.01, 2 sqrt(SE_ours^2 + SE_paper^2)); the paper gives no standard error for these
cells, so SE_paper is taken as our SD / sqrt(10), its number of trials. Agreement is a description, not a test.
"""

import re
import sys

import numpy as np
from hullscope_report.results import ReportError, Results, paper_reference, paper_values

PAPER_TRIALS = 10


def row(network, quantity, ours, paper):
    trials = len(ours)
    sd = ours.std(ddof=1) if trials > 1 else np.nan
    error = np.sqrt(sd**2 / trials + sd**2 / PAPER_TRIALS)
    difference = ours.mean() - paper
    limit = max(0.01, 2 * error) if trials > 1 else 0.01
    word = "agrees" if abs(difference) <= limit else "differs"
    return (
        f"| {network} | {quantity} | {ours.mean():.4f} | {sd:.4f} | {ours.min():.4f} – {ours.max():.4f} | {paper:g} "
        f"| {difference:+.4f} | {word} |"
    )


def smallest_dimension(grid, values, threshold):
    """The stated rule: the smallest d at which relative accuracy reaches the threshold, there and at every larger d."""
    return next((d for k, d in enumerate(grid) if (values[k:] >= threshold).all()), -1)


def toy_table(results, networks):
    """Fig. 2D: true dimension n of network toy-n against the rule on the mean over trials, and in single trials."""
    grid, reference = results.bottlenecks, paper_reference()["fig2d"]["rows"]
    heads = [f"d = {d}" for d in grid]
    print(f"| true dimension | found (mean of {len(results.trials)} trials) | trials that find it | {' | '.join(heads)} |")
    print("|---" * (3 + len(grid)) + "|")
    for network in networks:
        n, true = results.networks.index(network), int(network.removeprefix("toy-"))
        values = results["/relative_accuracy/value"][n]
        single = [smallest_dimension(grid, row, results.threshold) for row in values]
        found = smallest_dimension(grid, values.mean(0), results.threshold)
        cells = " | ".join(f"{v:.3f}" for v in values.mean(0))
        print(f"| {true} | {found} | {single.count(true)} of {len(single)} | {cells} |")
        paper = dict(enumerate(reference[str(true)], 1))
        print(f"| {true}, paper | | | {' | '.join(f'{paper[d]:.3f}' if d in paper else '–' for d in grid)} |")


def main(folder):
    results = Results(folder)
    toys = [name for name in results.networks if re.fullmatch(r"toy-[1-6]", name)]
    if toys:
        return toy_table(results, toys)
    paper = paper_values(results)
    if not paper:
        raise ReportError(f"{folder}: the paper has no network of these names on {results.data_set!r}; nothing to compare")
    print("| network | quantity | mean | SD over trials | range | paper | difference | |")
    print("|---|---|---|---|---|---|---|---|")
    for n, network in enumerate(results.networks):
        if network not in paper:
            continue
        print(row(network, "test accuracy", results["/accuracy/test"][n], paper[network]["test_accuracy"]))
        for words, path, key in (
            ("relative accuracy", "/relative_accuracy/value", "relative_accuracy"),
            ("fraction in the hull", "/hull/inside", "fraction_in_hull"),
        ):
            for d, value in zip(paper[network]["bottleneck"], paper[network][key]):
                if d in results.bottlenecks:
                    ours = results[path][n, :, results.bottlenecks.index(d)]
                    print(row(network, f"{words}, d = {d}", ours, value))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: paper_table.py DIR (the output folder of a study)")
    try:
        main(sys.argv[1])
    except ReportError as error:
        print(f"hullscope: {error}", file=sys.stderr)
        sys.exit(2)

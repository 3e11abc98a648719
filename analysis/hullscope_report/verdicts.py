"""The claims and the comparison with the paper, as sections of the page."""

import numpy as np

from . import claims, compare, sensitivity
from .compare import ASSUMED, SIGN
from .fig4 import families
from .pieces import Cell, escape, number, p_value, plural, signed

WORDS = {True: "holds", False: "fails", None: "open"}


def badge(verdict):
    words = verdict.verdict if verdict.verdict != "undetermined" else f"undetermined ({' or '.join(verdict.possible)})"
    return f'<span class="verdict {verdict.verdict}">{escape(words)}</span>'


def claims_section(results, pieces):
    """"" for results without a long table."""
    if "/table/statistic" not in results:
        return ""
    rules = claims.read_rules()
    (evidence,) = claims.of_results([results.folder]).values()
    ours = claims.judge(evidence, rules)
    of_paper = {e.data_set: {v.claim: v for v in claims.judge(e, rules)} for e in claims.of_paper(rules).values()}.get(evidence.data_set, {})
    items = []
    for v in ours:
        beside = f" By the same rules the paper’s own values give: {badge(of_paper[v.claim])}." if v.claim in of_paper else ""
        items.append(f"<li><strong>{claims.LABELS[v.claim]} {escape(rules[v.claim]['claim'])}:</strong> {badge(v)} – {escape('; '.join([claims.tally(v), *v.notes]))}.{beside}</li>")
    rows = []
    for v in ours:
        for c in v.conditions:
            interval = Cell.of(f"{number(c.found.lower, 4)} … {number(c.found.upper, 4)}", None) if c.found.has_interval else "–"
            rows.append([claims.LABELS[c.claim], c.what, c.statistic, WORDS[c.state] + (f": {c.why}" if c.state is None and c.why else ""),
                         number(c.found.value, 4), interval, f"{c.relation} {c.threshold:g}", p_value(c.p_holm)])  # fmt: skip
    return (
        "<p class=quiet>The rules (analysis/claims.toml) were committed before any full run, and are decided from results.h5 by program. This page "
        f"judges the {plural(len(results.networks), 'network')} of this study alone; analysis/claims.py judges several studies of a data set together.</p>"
        f"<ul>{''.join(items)}</ul>"
        + "<details><summary>What each verdict rests on</summary>" + pieces.table("claims", "What each verdict rests on: a statistic, its 95 % interval and what was needed (p one-sided, Holm’s correction over all).",
                       ["claim", "network", "statistic", "state", "value", "interval", "needed", "p (Holm)"], rows, 4, source="results.h5:/table, /draws") + "</details>"
    )  # fmt: skip


def interval_cell(bounds, digits):
    low, high = bounds
    return Cell.of("–", None) if number(low).value is None or number(high).value is None else Cell.of(f"{number(low, digits)} … {number(high, digits)}", None)


def cells_table(pieces, name, caption, cells, ranges=None):
    """A comparison; "" without cells. ranges: of the sensitivity grid, by network and quantity."""
    if not cells:
        return ""
    rows = []
    ranges = ranges if ranges and any((c["network"], c["quantity"]) in ranges for c in cells) else {}
    centred = any(np.isfinite(c["centred"]) for c in cells)
    for c in cells:
        digits = 2 if c["quantity"].startswith("z of") else 4
        label = c["label"] + {"": "", ASSUMED: " *", SIGN: " in sign"}.get(c["why"], f" ({c['why']})")
        rows.append([c["network"], c["quantity"], label, number(c["ours"], digits), interval_cell(c["interval"], digits), number(c["paper"], min(digits, 3)),
                     interval_cell(c["paper_interval"], digits), signed(c["difference"], digits), c["meet"] or "–"])  # fmt: skip
        if ranges:
            rows[-1].insert(5, interval_cell(ranges.get((c["network"], c["quantity"]), (float("nan"),) * 2), digits))
        if centred:
            rows[-1].insert(5, number(c["centred"], digits))
    beside = ["distance centred"] * centred + ["range over the grid"] * bool(ranges)
    return pieces.table(
        name, caption, ["network", "quantity", "verdict", "ours", "our 95 % interval", *beside, "paper", "its 95 % interval", "difference", "intervals meet"], rows, 3,
        source="results.h5 and hullscope_report/paper.json")  # fmt: skip


def beside_figure_4(results, pieces, suffix, members):
    cells = compare.fig4_cells(results, members)
    caption = f"The paper’s Fig. 4 beside us{suffix.replace('-', ', ', 1)} (its means of ten trials). * the paper’s standard error is assumed: our SD / √10."
    grid = sensitivity.settings(results.folder)
    if grid:
        caption += f" Range: over what the paper does not state of its autoencoder. {grid}"
    return cells_table(pieces, f"paper-fig4{suffix}", caption, cells, sensitivity.ranges(results.folder)), cells


def beside_figure_5(results, pieces, name, family, members, m):
    panel = compare.paper_panel(results, family, results.measures[m])
    cells = compare.fig5_cells(results, family, members, m)
    caption = ""
    if panel:
        trials = " or ".join(map(str, panel["trials"]))
        caption = f"The paper’s Fig. {panel['figure']} beside us (its z values are of {trials} single trials). * the paper’s standard error is assumed: our SD / √10. Distance centred: our z of in hull at the mean distance; the fit as it is gives it at distance 0."
    return cells_table(pieces, f"paper-{name}", caption, cells), cells


def summary(cells):
    words = summary_words(cells)
    return f"<p>{escape(words)}</p>" if words else ""


def summary_words(cells):
    """How many values agree, in a sentence."""
    labels = [c["label"] for c in cells]
    if not labels:
        return ""
    differs = [f"{c['network']}, {c['quantity']} ({signed(c['difference'])})" for c in cells if c["label"] == "differs"]
    text = f"Of {len(labels)} values that the paper gives, {labels.count('agrees')} agree, {labels.count('differs')} differ and {labels.count('not comparable')} are not comparable."
    if differs:
        text += f" Those that differ are unexplained unless the study’s documentation says why: {'; '.join(differs[:12])}{' …' if len(differs) > 12 else ''}."
    return text


def figures_of_paper(results):
    """The paper's figure of each family and measure, for headings."""
    return {(f, m): panel["figure"] for f in families(results) for m in results.measures if (panel := compare.paper_panel(results, f, m))}

"""The pieces that the report's page is made of: numbers as text, tables with their CSV, figures with theirs."""

import csv
import html
import math
import pathlib
import re

import numpy as np


def escape(value):
    return html.escape(str(value))


class Cell(str):
    """A cell's text and the number that it shows; the CSV gets the number. Bounds: of its interval, or None."""

    value = None
    bounds = None

    @classmethod
    def of(cls, text, value, bounds=None):
        made = cls(text)
        made.value, made.bounds = value, bounds
        return made


def missing(value):
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def number(value, digits=3):
    if missing(value):
        return Cell.of("–", None)
    text = ("∞" if value > 0 else "−∞") if math.isinf(value) else f"{value:,.{digits}f}".replace("-", "−")
    return Cell.of(text, float(value))


def signed(value, digits=3):
    plain = number(value, digits)
    return plain if missing(value) or value <= 0 else Cell.of("+" + plain, plain.value)


def count(value):
    return Cell.of(f"{int(value):,}", int(value))


def p_value(value):
    return Cell.of("–" if missing(value) else "< 0.001" if value < 0.001 else f"{value:.3f}", None if missing(value) else float(value))


def with_interval(mean, bounds, digits=3):
    text, bounds = number(mean, digits), [float(b) for b in bounds]
    if not np.isfinite(bounds).all():
        return text
    return Cell.of(f"{text} [{number(bounds[0], digits)}, {number(bounds[1], digits)}]", text.value, bounds)


def plural(n, word):
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def write_csv(path, head, rows):
    """The numbers that the cells show, intervals as two columns of their own."""
    value = lambda cell: cell if not isinstance(cell, Cell) else "" if cell.value is None else cell.value  # noqa: E731
    bounds = lambda cell: getattr(cell, "bounds", None)  # noqa: E731
    wide = [any(bounds(row[c]) for row in rows if c < len(row)) for c in range(len(head))]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([n for c, h in enumerate(head) for n in ([h, f"{h} lower", f"{h} upper"] if wide[c] else [h])])
        for row in rows:
            writer.writerow([v for c, cell in enumerate(row) for v in ([value(cell), *(bounds(cell) or ["", ""])] if wide[c] else [value(cell)])])


class Pieces:
    """Makes tables and figures, and writes their files below `folder`; each name once."""

    def __init__(self, folder, watermark=""):
        self.folder, self.watermark, self.names = pathlib.Path(folder), watermark, set()
        for name in ("figures", "tables"):
            (self.folder / name).mkdir(exist_ok=True)

    def _claim(self, name):
        assert name not in self.names, name
        self.names.add(name)

    def table(self, name, caption, head, rows, text_columns=1, weak=(), source="", wrap=False):
        """head: names; rows: lists of cells, the first a row header; weak: (row, column) greyed and said to be so; source:
        where in results.h5 the numbers stand."""
        self._claim(name)
        write_csv(self.folder / "tables" / f"{name}.csv", head, rows)
        cells = "".join(f'<th scope="col"{" class=text" if c < text_columns else ""}>{escape(h)}</th>' for c, h in enumerate(head))
        body = []
        for r, row in enumerate(rows):
            line = f'<th scope="row">{escape(row[0])}</th>'
            for c, cell in enumerate(row[1:], 1):
                kind = "text" if c < text_columns else ""
                if (r, c) in weak:
                    line += f'<td class="weak {kind}" title="rests on few wrong answers">{escape(cell)}<span class=hidden> (weak)</span></td>'
                else:
                    line += f"<td{f' class={kind}' if kind else ''}>{escape(cell)}</td>"
            body.append(f"<tr>{line}</tr>")
        origin = f" · from <code>{escape(source)}</code>" if source else ""
        return (
            f'<div class="block{" wrap" if wrap else ""}"><div class="scroll" tabindex="0" role="region" aria-label="{escape(caption[:80])}">'
            f'<table id="table-{name}"><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
            f'<p class="source"><a href="tables/{name}.csv">CSV</a>{origin}</p></div>'
        )

    def figure(self, name, heading, figure, frame, caption, alt, source="", below=""):
        """Saves a matplotlib figure as SVG and PNG and its data as CSV. alt: what a reader who cannot see it must know."""
        from matplotlib import pyplot

        self._claim(name)
        if self.watermark:
            figure.text(0.5, 0.5, self.watermark, ha="center", va="center", rotation=28, fontsize=34, color="#b00020", alpha=0.13, zorder=10, gid="watermark")
        stem = self.folder / "figures" / name
        figure.savefig(f"{stem}.svg", metadata={"Date": None})
        figure.set_layout_engine("none")  # as it was laid out for the SVG; to do it again costs as much as all the rest
        figure.savefig(f"{stem}.png", dpi=200)
        frame.to_csv(f"{stem}.csv", index=False)
        pyplot.close(figure)
        width, height = figure.get_size_inches()
        origin = f" · from <code>{escape(source)}</code>" if source else ""
        return (
            f'<figure id="{escape(name)}"><h3>{escape(heading)}</h3>'
            f'<img src="figures/{escape(name)}.svg" alt="{escape(alt)}" width="{width * 130:.0f}" height="{height * 130:.0f}">'
            f'<figcaption>{escape(caption)} <span class="source"><a href="figures/{escape(name)}.png">PNG</a> · '
            f'<a href="figures/{escape(name)}.svg">SVG</a> · <a href="figures/{escape(name)}.csv">CSV</a>{origin}</span></figcaption>{below}</figure>'
        )


CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #555d69; --line: #d8dce2; --page: #fff; --tint: #f5f7f9; --link: #0b5c94;
  --warn: #fff7e6; --warn-line: #c77700; --yes: #0a6b45; --no: #9c1c1c; --partly: #7a5200; --weak: #767e89; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #a9b1bc; --line: #3a4048; --page: #14171b; --tint: #1d2126;
  --link: #7fbfff; --warn: #2b2312; --warn-line: #e0a030; --yes: #63d3a6; --no: #ff9a9a; --partly: #f0c060; --weak: #8b939e; }
  figure img { background: #fff; border-radius: 6px; padding: 6px; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; color: var(--ink); background: var(--page);
  font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p, ul { margin: .5rem 0; } ul { padding-left: 1.2rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.quiet, figcaption, caption, .source { color: var(--quiet); font-size: .88rem; }
.source { font-size: .8rem; margin: 0 0 .6rem; }
.answer { font-size: 1.03rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .9rem 0 .2rem; min-width: min(100%, 28rem); }
caption { text-align: left; padding-bottom: .3rem; max-width: 58rem; }
th, td { padding: .22rem .8rem .22rem 0; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
.wrap td.text { white-space: normal; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid var(--line); }
tbody th { font-weight: 400; text-align: left; }
td.weak { color: var(--weak); }
figure { margin: 1.4rem 0 2rem; }
figure img { max-width: 100%; height: auto; }
.warnings { background: var(--warn); border-left: 4px solid var(--warn-line); padding: .5rem 1rem; }
.verdict { font-weight: 700; } .yes { color: var(--yes); } .no { color: var(--no); } .partly { color: var(--partly); } .undetermined { color: var(--quiet); }
code, pre { font-family: "DejaVu Sans Mono", ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere; }
pre { background: var(--tint); padding: .7rem .9rem; overflow-x: auto; overflow-wrap: normal; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.skip { position: absolute; left: -999px; } .skip:focus { position: static; }
@media print { :root { --ink: #000; --quiet: #333; --page: #fff; --line: #bbb; --link: #000; } body { max-width: none; font-size: 10pt; padding: 0; }
  h2, h3 { break-after: avoid; } figure, tr, .block { break-inside: avoid; } .scroll { overflow: visible; } nav, .skip { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  th, td { white-space: normal; } table { font-size: 7.5pt; } }
"""


def page(title, body, contents):
    """A whole page. contents: (id, words) of its sections."""
    links = "".join(f'<li><a href="#{name}">{escape(words)}</a></li>' for name, words in contents)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{CSS}</style></head><body>
<a class="skip" href="#main">To the content</a>
<header><h1>{escape(title)}</h1><nav aria-label="Contents"><ul>{links}</ul></nav></header>
<main id="main">{body}</main></body></html>
"""

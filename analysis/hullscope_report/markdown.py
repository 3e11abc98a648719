"""The report's tables as Markdown: what makes HTML with Pieces makes Markdown with this."""

import pathlib

from .pieces import write_csv


class MarkdownPieces:
    """Writes the tables' CSV files into `folder`; `link`: what the page calls that folder, "" for no links."""

    def __init__(self, folder, link):
        self.folder, self.link = pathlib.Path(folder), link

    def table(self, name, caption, head, rows, text_columns=1, weak=(), source="", wrap=False):
        """As Pieces.table; weak cells in brackets."""
        del wrap
        write_csv(self.folder / f"{name}.csv", head, rows)
        cell = lambda value: str(value).replace("|", "\\|").replace("\n", " ")  # noqa: E731
        lines = ["| " + " | ".join(map(cell, head)) + " |", "|" + "|".join("---" if c < text_columns else "--:" for c in range(len(head))) + "|"]
        for r, row in enumerate(rows):
            lines.append("| " + " | ".join(f"({cell(value)})" if (r, c) in weak else cell(value) for c, value in enumerate(row)) + " |")
        origin = "; ".join(([f"[CSV]({self.link}/{name}.csv)"] if self.link else []) + ([f"from `{source}`"] if source else []))
        return f"{caption}{f' ({origin})' if origin else ''}\n\n" + "\n".join(lines) + "\n\n"

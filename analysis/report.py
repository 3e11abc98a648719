#!/usr/bin/python3
"""report.py DIR: writes DIR/report/ (index.html, figures as SVG, PNG and CSV, tables as CSV) from the study's
published files.

The folder is made beside the old one and then takes its place, so that a report is whole or not there.
Exit codes: 0 done, 1 the machine failed, 2 wrong usage or a folder without results.
"""

import pathlib
import shutil
import sys
import tempfile

from hullscope_report.program import ReportError, ended


def fill(folder, making):
    """Figures, tables and page of the study in `folder`, below `making`."""
    from hullscope_report import data_only, page, results

    data = data_only.study_of(folder)
    text = data_only.render(data, making) if data else page.render(results.Results(folder), making)
    (making / "index.html").write_text(text)


def write_report(folder):
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ReportError(f"{folder} is not there; run the study first: hullscope run STUDY.toml --output {folder}")
    target = folder / "report"
    making = pathlib.Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
    try:
        making.chmod(0o755)
        fill(folder, making)
        if target.exists():
            old = pathlib.Path(tempfile.mkdtemp(prefix=".report-old-", dir=folder))
            target.rename(old / "report")
            making.rename(target)
            shutil.rmtree(old)
        else:
            making.rename(target)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return target / "index.html"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: report.py DIR (the output folder of a study)", file=sys.stderr)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    return ended(lambda: print(f"report: {write_report(sys.argv[1])}"), "the report")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""report.py DIR: writes DIR/report/ (index.html, figures as SVG, PNG and CSV) from the study's published files.

The folder is made beside the old one and then takes its place, so that a report is whole or not there.
Exit codes: 0 done, 1 the machine failed, 2 wrong usage or a folder without results.
"""

import pathlib
import shutil
import sys
import tempfile

MODULES = "python3-h5py python3-numpy python3-pandas python3-matplotlib"


def write_report(folder):
    from hullscope_report import figures, page, results

    study = results.Results(folder)
    target = study.folder / "report"
    making = pathlib.Path(tempfile.mkdtemp(prefix=".report-", dir=study.folder))
    try:
        making.chmod(0o755)
        (making / "figures").mkdir()
        shown = []
        for name, title, figure, frame, caption in figures.all_figures(study):
            stem = making / "figures" / name
            figure.savefig(f"{stem}.svg", metadata={"Date": None})
            figure.savefig(f"{stem}.png", dpi=300)
            frame.to_csv(f"{stem}.csv", index=False)
            figures.plt.close(figure)
            shown.append((name, title, caption, pathlib.Path(f"{stem}.svg").read_text()))
        (making / "index.html").write_text(page.render(study, shown))
        if target.exists():
            old = pathlib.Path(tempfile.mkdtemp(prefix=".report-old-", dir=study.folder))
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
    try:
        from hullscope_report.results import ReportError
    except ImportError as error:
        print(f"hullscope: {error}; install the Debian packages {MODULES} and use /usr/bin/python3", file=sys.stderr)
        return 1
    try:
        print(f"report: {write_report(sys.argv[1])}")
    except ReportError as error:
        print(f"hullscope: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"hullscope: the report could not be written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""claims.py [--json FILE] [DIR ...]: the paper's four claims, decided by analysis/claims.toml.

First for the paper's own values, then for the studies in the folders DIR (those of one data set together). Prints
Markdown; --json also writes every condition with its value, interval and p value. Exit codes: 0 done, 1 the machine
failed, 2 wrong usage or a folder without results.
"""

import argparse
import json
import pathlib
import sys

from hullscope_report.program import ended


def decide(folders, as_json):
    from hullscope_report import claims

    text, data = claims.decide(folders)
    print(text)
    if as_json:
        pathlib.Path(as_json).write_text(json.dumps(data, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Decides the paper's four claims from results.h5 by analysis/claims.toml.")
    parser.add_argument("folders", nargs="*", metavar="DIR", help="output folder of a study")
    parser.add_argument("--json", metavar="FILE", help="also write every condition as JSON")
    options = parser.parse_args()
    return ended(lambda: decide(options.folders, options.json), options.json or "the page of claims", ("h5py", "numpy", "pandas", "scipy"))


if __name__ == "__main__":
    sys.exit(main())

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


def main():
    parser = argparse.ArgumentParser(description="Decides the paper's four claims from results.h5 by analysis/claims.toml.")
    parser.add_argument("folders", nargs="*", metavar="DIR", help="output folder of a study")
    parser.add_argument("--json", metavar="FILE", help="also write every condition as JSON")
    options = parser.parse_args()
    try:
        from hullscope_report import claims
        from hullscope_report.results import ReportError
    except ImportError as error:
        modules = "python3-h5py python3-numpy python3-scipy"
        print(f"hullscope: {error}; install the Debian packages {modules} and use /usr/bin/python3", file=sys.stderr)
        return 1
    try:
        text, data = claims.decide(options.folders)
    except ReportError as error:
        print(f"hullscope: {error}", file=sys.stderr)
        return 2
    print(text)
    if options.json:
        try:
            pathlib.Path(options.json).write_text(json.dumps(data, indent=1) + "\n")
        except OSError as error:
            print(f"hullscope: {options.json} could not be written: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

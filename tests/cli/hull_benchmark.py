#!/usr/bin/python3
"""hull_benchmark.py HULLSCOPE: the hull benchmark runs at a tiny size, resumes, and its peers agree with our proofs."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RUN = HERE.parents[1] / "benchmarks/hull/run.py"


def main():
    hullscope = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        work, page = pathlib.Path(folder) / "work", pathlib.Path(folder) / "results"
        command = ["/usr/bin/python3", RUN, "--work", work, "--tiny", "--data", "gaussian-3", "--repeat", "1"]
        command += ["--only", "ours,pass,peers,truth,scaling", "--methods", "highs,nnls,qhull,reference"]
        command += ["--solver", "reference", "--report", page]
        environment = {**os.environ, "HULLSCOPE": hullscope}
        subprocess.run(command, check=True, env=environment)
        everything = json.loads((page / "hull.json").read_text())
        cells = {(cell["kind"], cell["method"]): cell for cell in everything["cells"]}
        for method in ("highs", "nnls", "qhull", "reference"):
            cell = cells["peers", method]
            assert len(cell["cpu"]) > 5, (method, cell)
            assert [bool(v) for v in cell["inside"]] == [v == 1 for v in cell["proved"]], (method, cell)
        for mode in ("membership", "projection"):
            cell = cells["ours", mode]
            assert cell["verify"]["summary"].startswith("verified 60 of 60"), cell
            assert cell["cpu"][0] > 0 and cell["run"]["peak_bytes"] > 0, cell
        truth = cells["truth", "highs"]
        assert all((step > 0) == (proved == 2) for step, proved in zip(truth["steps"], truth["proved"])), truth
        text = (page / "hull.md").read_text()
        for heading in ("## Ours", "## Peers", "## Near the boundary", "## Cost in N, and memory"):
            assert heading in text, f"{heading} is missing:\n{text}"

        # Again: nothing is measured anew, and what was written by hand stays.
        (page / "hull.md").write_text("By hand.\n\n" + text)
        before = {path: path.stat().st_mtime_ns for path in (work / "cells").iterdir()}
        again = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
        assert again.stderr == "", again.stderr
        assert before == {path: path.stat().st_mtime_ns for path in (work / "cells").iterdir()}
        assert (page / "hull.md").read_text() == "By hand.\n\n" + text
    print("hull benchmark: all as expected")


if __name__ == "__main__":
    main()

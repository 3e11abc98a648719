#!/usr/bin/python3
"""Runs the examples of the documentation, in order, in one scratch folder, as a reader would.

A fenced block of sh or python below the comment `<!-- test -->` is run; a block below `<!-- output -->` must be what the
block before it printed. Python blocks share their variables.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["HULLSCOPE"]).parent
BLOCK = re.compile(r"<!-- (test|output) -->\n```(\w+)\n(.*?)```", re.S)


def main():
    # Python blocks run again with each later one, and must write the same files (torch.jit.save follows the hash seed).
    environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", STUDIES=str(SOURCE / "studies"), PYTHONHASHSEED="0")
    count = 0
    for document in map(pathlib.Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            printed, python = "", f"ANALYSIS = {str(SOURCE / 'analysis')!r}\n"
            for kind, language, text in BLOCK.findall(document.read_text()):
                if kind == "output":
                    if printed.strip() != text.strip():
                        sys.exit(f"{document}: printed:\n{printed}\nthe document says:\n{text}")
                    continue
                if language == "python":
                    python += text
                    command = ["/usr/bin/python3", "-c", python]
                else:
                    command = ["sh", "-eu", "-c", text]
                run = subprocess.run(
                    command, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
                )
                if run.returncode != 0:
                    sys.exit(f"{document}: this block failed ({run.returncode}):\n{text}\n{run.stdout}\n{run.stderr}")
                printed = run.stdout
                count += 1
    print(f"{count} examples ran")
    return 0 if count else "no examples found"


sys.exit(main())

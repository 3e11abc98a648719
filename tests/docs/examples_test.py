#!/usr/bin/python3
"""Runs the examples of the documentation, in order, in one scratch folder, as a reader would.

A fenced block of sh or python below the comment `<!-- test -->` is run; a block below `<!-- output -->` must be what the
block before it printed. The Python blocks of a document run in one interpreter.
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
END = "--- end of block ---"
# Blocks come as lines of repr(); what they start reads nothing of them.
INTERPRETER = f"""
import os
blocks = os.fdopen(os.dup(0))
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
scope = {{"__name__": "__main__", "ANALYSIS": {str(SOURCE / 'analysis')!r}}}
for block in blocks:
    exec(eval(block), scope)
    print("\\n{END}", flush=True)
"""


class Document:
    """One document's examples: run() says what a block printed, or ends the test."""

    def __init__(self, path, scratch):
        self.path, self.python = path, None
        self.place = {"cwd": scratch, "env": dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", STUDIES=str(SOURCE / "studies"))}

    def run(self, language, text):
        code, printed, errors = (self.run_python if language == "python" else self.run_shell)(text)
        if code != 0:
            sys.exit(f"{self.path}: this block failed ({code}):\n{text}\n{printed}\n{errors}")
        return printed

    def run_shell(self, text):
        done = subprocess.run(["sh", "-eu", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, **self.place)
        return done.returncode, done.stdout, done.stderr

    def run_python(self, text):
        if self.python is None:
            self.errors = tempfile.TemporaryFile("w+")
            self.python = subprocess.Popen(["/usr/bin/python3", "-c", INTERPRETER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=self.errors, text=True, **self.place)
        self.python.stdin.write(repr(text) + "\n")
        self.python.stdin.flush()
        printed = ""
        for line in self.python.stdout:
            if line == END + "\n":
                return 0, printed, ""
            printed += line
        self.errors.seek(0)
        return self.python.wait() or "it ended early", printed, self.errors.read()

    def close(self):
        if self.python is not None:
            self.python.communicate()
            self.errors.close()


def main():
    count = 0
    for path in map(pathlib.Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            document, printed = Document(path, scratch), ""
            for kind, language, text in BLOCK.findall(path.read_text()):
                if kind == "test":
                    printed = document.run(language, text)
                    count += 1
                elif printed.strip() != text.strip():
                    sys.exit(f"{path}: printed:\n{printed}\nthe document says:\n{text}")
            document.close()
    print(f"{count} examples ran")
    return 0 if count else "no examples found"


sys.exit(main())

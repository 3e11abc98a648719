"""The checker shares nothing with the finder: what proof/ includes, and what its programs load."""
import pathlib
import re
import subprocess
import sys

source, checker_test, verify = sys.argv[1:4]
for path in pathlib.Path(source, "src", "proof").rglob("*.?pp"):
    for room in re.findall(r'#include\s*[<"]hullscope/(\w+)/', path.read_text()):
        assert room in ("base", "proof"), f"{path} includes {room}/"
    for other in re.findall(r'#include\s*"([^"]+)"', path.read_text()):
        assert ".." not in other, f"{path} includes {other}"


def loaded(program):
    return subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout


for name in ["petsc", "torch", "hdf5", "libmpi"]:
    assert name not in loaded(checker_test).lower(), f"the checker loads {name}"
for name in ["petsc", "torch", "qhull"]:
    assert name not in loaded(verify).lower(), f"verify loads {name}"
for symbol in ["hullscope::hull::", "hullscope::linalg::"]:
    names = subprocess.run(["nm", "-C", verify], capture_output=True, text=True, check=True).stdout
    assert symbol not in names, f"verify has code of {symbol}"
print("proof/ stands alone")

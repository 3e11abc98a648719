"""Files of hullscope as h5py and xarray see them, and the digest of docs/file-format.md recomputed by its own snippet.

    store_python.py STORE_TOOL CHECK
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy as np
import xarray

TOOL, CHECK = sys.argv[1:3]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])


def documented(name):
    """What the documentation's example of that name defines."""
    text = (SOURCE / "docs/file-format.md").read_text(encoding="utf-8")
    snippet = text.split(f"<!-- {name}: begin -->\n```python\n")[1].split(f"```\n<!-- {name}: end -->")[0]
    names = {}
    exec(snippet, names)
    return names


def check_h5py(file, n):
    for name in ("verdict", "support/weight", "direction/vector", "exact/direction"):
        data = file[name]
        assert isinstance(data.attrs["long_name"], str) and isinstance(data.attrs["units"], str), name
        assert all(len(dimension) == 1 for dimension in data.dims), name
        for axis, dimension in enumerate(data.dims):
            assert len(dimension[0]) == data.shape[axis], name
    assert list(file["verdict"].dims[0].keys()) == ["sample"]
    assert list(file["direction/vector"].dims[1].keys()) == ["coordinate"]
    assert (file["verdict"][:] == np.arange(n) % 3).all()
    assert (file["sample"][:] == 7 * np.arange(n) + 1).all()
    assert file.attrs["seed"] == 0xFEDCBA9876543210
    assert file["run"].attrs["ranks"] in (1, 3)


def check_xarray(path, n):
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert data["verdict"].dims == ("sample",)
        assert (data["sample"].values == 7 * np.arange(n) + 1).all()
        assert data["distance_lower"].attrs["units"] == "data"
        frame = data[["verdict", "distance_lower", "passes"]].to_dataframe()
        assert len(frame) == n and list(frame.index.names) == ["sample"]
    with xarray.open_dataset(path, engine="h5netcdf", group="direction") as data:
        assert data["vector"].dims == ("outside", "coordinate")
        assert data["vector"].shape == (len(range(2, n, 3)), 3)
    with xarray.open_dataset(path, engine="h5netcdf", group="exact") as data:
        assert data["direction"].shape == (0,)


def main():
    digest_of = documented("digest")["content_digest"]
    with tempfile.TemporaryDirectory() as folder:
        for n in (0, 1, 10, 150001):
            seen = set()
            for ranks in (1, 3):
                path = pathlib.Path(folder) / f"{ranks} ranks.h5"
                run = [SOURCE / "tests/mpirun.sh", str(ranks), TOOL, "write", path, str(n)]
                digest = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
                assert digest_of(path) == digest, (n, ranks)
                seen.add(digest)
                with h5py.File(path) as file:
                    assert file.attrs["content_digest"] == digest
                    check_h5py(file, n)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    check_xarray(path, n)
                said = subprocess.run([CHECK, path], check=True, capture_output=True, text=True).stdout
                assert said == f"{path}: whole and valid (hull, 17 data sets)\n", said
            assert len(seen) == 1, n
        subprocess.run([TOOL, "write", pathlib.Path(folder) / "hull.h5", "10"], check=True, capture_output=True)
        os.chdir(folder)
        names = documented("reading")
        assert names["inside"].sum() == 3 and len(names["table"]) == 10 and names["directions"]["vector"].shape == (3, 3)
        os.chdir("/")
    for arguments, code in (([], 2), (["--fast"], 2), (["--help"], 0), (["/no/such/file.h5"], 1)):
        assert subprocess.run([CHECK, *arguments], capture_output=True).returncode == code, arguments
    print("h5py, xarray and the documented digest agree with store/")


main()

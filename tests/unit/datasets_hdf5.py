"""Writes an HDF5 file as a user of h5py would, and beside it what a reader must find (as datasets_numpy.py does).

    datasets_hdf5.py FOLDER
"""
import pathlib
import sys

import h5py
import numpy as np

CASES = {  # data set: type in the file, widened type
    "bytes": ("u1", "u8"), "short": ("<i2", "i32"), "unsigned_short": (">u2", "i32"), "int": (">i4", "i32"),
    "unsigned": ("<u4", "i64"), "long": ("<i8", "i64"), "half": ("<f2", "f32"), "float": (">f4", "f32"),
    "double": ("<f8", "f64"), "bool": ("?", "u8"),
}
NUMPY = {"u8": "<u1", "i32": "<i4", "i64": "<i8", "f32": "<f4", "f64": "<f8"}


def main():
    folder = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(5)
    with h5py.File(folder / "user data.h5", "w") as file:
        for name, (kind, target) in CASES.items():
            values = random.integers(0, 2 if kind == "?" else 100, (6, 4)).astype(kind)
            file.create_dataset("group/" + name, data=values, chunks=(2, 4), compression="gzip")
            (folder / (name + ".expected")).write_bytes(f"{target}\n6 4 \n".encode() + values.astype(NUMPY[target]).tobytes())
        file["image"] = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
        file["text"] = ["a", "b"]
        file["complex"] = np.zeros(3, np.complex64)
        file["huge"] = np.array([2**63, 1], np.uint64)
        file["nan"] = np.array([[1.0, np.nan]])
        file["nothing"] = np.zeros((0, 5), np.float32)
        file.create_dataset("liar", (10**6, 10**6), np.float64, chunks=(1000, 1000))


if __name__ == "__main__":
    main()

"""Writes NPY files of every type, byte order, memory order and version, and beside each what a reader must find:
a line with the widened type, a line with the shape, then the values in C order, little-endian.

    datasets_numpy.py FOLDER
"""
import pathlib
import sys

import numpy as np
from numpy.lib import format as npy

WIDENED = {"b1": "u8", "u1": "u8", "i1": "i32", "i2": "i32", "u2": "i32", "i4": "i32", "u4": "i64", "i8": "i64",
           "u8": "i64", "f2": "f32", "f4": "f32", "f8": "f64"}
NUMPY = {"u8": "<u1", "i32": "<i4", "i64": "<i8", "f32": "<f4", "f64": "<f8"}
SHAPES = [(), (0,), (1,), (7,), (3, 5), (0, 4), (4, 0), (2, 3, 4), (5, 1, 2, 3)]


def random_values(random, kind, shape):
    """Values over the whole range of the type, extremes among them."""
    if kind == "b1":
        return random.integers(0, 2, shape).astype(bool)
    if kind[0] == "f":
        values = random.standard_normal(shape) * 10.0 ** random.integers(-4, 4, shape)
        return values.astype(kind)
    limits = np.iinfo(kind)
    most = min(limits.max, np.iinfo(np.int64).max)
    values = random.integers(limits.min, most, shape, dtype=kind if kind != "u8" else np.int64, endpoint=True)
    values = np.array(values, kind)
    if values.size > 1:
        values.flat[0], values.flat[-1] = limits.min, most
    return values


def write(folder, name, array, version):
    with open(folder / (name + ".npy"), "wb") as file:
        npy.write_array(file, array, version=version)
    kind = array.dtype.str[1:]
    target = WIDENED[kind]
    with open(folder / (name + ".npy.expected"), "wb") as file:
        shape = "".join(f"{axis} " for axis in array.shape)
        file.write(f"{target}\n{shape}\n".encode())
        file.write(np.ascontiguousarray(array).astype(NUMPY[target]).tobytes())


def main():
    folder = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(2022)
    for kind in WIDENED:
        for order in "<>":
            for s, shape in enumerate(SHAPES):
                values = random_values(random, kind, shape).astype(order + kind)
                version = [(1, 0), (2, 0), (3, 0)][s % 3]
                write(folder, f"c-{order}{kind}-{s}", values, version)
                if values.ndim > 1:
                    write(folder, f"fortran-{order}{kind}-{s}", np.asfortranarray(values), version)
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    finite = halves[~np.isnan(halves)]  # the payload of a NaN is nobody's promise
    write(folder, "halves", finite, (1, 0))
    write(folder, "halves-swapped", finite.astype(">f2"), (1, 0))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
# Spack recipe. Not in Spack's own repository yet; from a clone of hullscope (docs/slurm.md):
#   spack repo add packaging/spack
#   spack dev-build --source-path . hullscope@main
from spack.package import *


class Hullscope(CMakePackage):
    """Proved convex hull tests of what neural networks do, from data set to report, on a laptop or on Slurm."""

    license("MIT", checked_by="hullscope")

    version("main")

    variant("torch", default=True, description="Train networks (LibTorch); the hull test alone needs none")
    variant("petsc", default=True, description="The solvers tao:TYPE (PETSc/TAO)")
    variant("qhull", default=True, description="Facets answer hull queries in up to 4 dimensions (Qhull)")
    variant("cuda", default=False, when="+torch", description="LibTorch with CUDA")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("git", type="build")

    depends_on("mpi")
    depends_on("hdf5@1.10:1 +mpi+hl")
    # The stages share the work among threads themselves: a call of OpenBLAS takes one.
    depends_on("openblas threads=pthreads")
    depends_on("eigen@3.3:3")
    depends_on("gmp")
    depends_on("flint")
    depends_on("cli11")
    depends_on("tomlplusplus")
    depends_on("spdlog")
    depends_on("fmt")
    depends_on("nlohmann-json")
    depends_on("boost@1.74: +math")
    depends_on("openssl@1.1:")
    depends_on("zlib-api")
    depends_on("petsc@3.18: +mpi~complex", when="+petsc")
    depends_on("qhull", when="+qhull")
    depends_on("py-torch@1.13:", when="+torch")
    depends_on("py-torch+cuda", when="+cuda")
    depends_on("py-torch~cuda", when="+torch~cuda")

    # Figures and the report.
    depends_on("python@3.11:", type="run")  # tomllib
    for library in ("py-h5py", "py-numpy", "py-pandas", "py-matplotlib", "py-scipy"):
        depends_on(library, type="run")

    requires("%gcc@12:", "%clang@15:", policy="one_of", msg="C++20 with vector extensions and target_clones")

    def cmake_args(self):
        arguments = [
            self.define_from_variant("HULLSCOPE_WITH_TORCH", "torch"),
            self.define_from_variant("HULLSCOPE_WITH_PETSC", "petsc"),
            self.define_from_variant("HULLSCOPE_WITH_QHULL", "qhull"),
            self.define("HULLSCOPE_WITH_TESTS", False),
        ]
        if self.spec.satisfies("+torch"):
            torch = join_path(python_platlib_of(self.spec), "torch", "share", "cmake", "Torch")
            arguments.append(self.define("Torch_DIR", torch))
        return arguments

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def runs(self):
        Executable(self.prefix.bin.hullscope)("--version")


def python_platlib_of(spec):
    """Where py-torch has its CMake package: beside the Python module."""
    return join_path(spec["py-torch"].prefix, spec["python"].package.platlib)

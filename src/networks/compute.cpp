#include <hullscope/networks/compute.hpp>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <hullscope/base/error.hpp>

namespace hullscope::networks {

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return "cpu";
  if (wanted != "auto" && wanted != "cuda")
    throw UsageError("train.device: found \"" + wanted + "\", expected \"auto\", \"cpu\" or \"cuda\"");
  if (at::hasCUDA()) return "cuda";
  if (wanted == "cuda")
    throw EnvironmentError("train.device is \"cuda\", but LibTorch " + torch_version() +
                           " finds no CUDA device here: use \"auto\" or \"cpu\", or a LibTorch built for CUDA");
  return "cpu";
}

void compute_deterministically() {
  at::set_num_threads(1);
  at::init_num_threads();
  // OpenBLAS is reached through whatever library provides BLAS; a site's other BLAS may not have this function.
  if (auto* set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
  at::globalContext().setFlushDenormal(true);
  if (at::hasCUDA()) {
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // cuBLAS is deterministic only with a workspace of fixed size
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicAlgorithms(true, false);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowTF32CuDNN(false);
  }
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // large blocks come from the heap as well, not each from a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1);  // and the heap's end is never given back
#endif
}

std::string torch_version() {
  return TORCH_VERSION;
}

}  // namespace hullscope::networks

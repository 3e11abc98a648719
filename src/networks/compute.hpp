// How LibTorch and the BLAS beneath it run: devices, threads, determinism.
#pragma once
#include <string>

namespace hullscope::networks {

/// "cpu" or "cuda" for "auto", "cpu" or "cuda". Throws EnvironmentError for "cuda" where LibTorch sees no such device.
std::string resolve_device(const std::string& wanted);

/// One thread a call for LibTorch, oneDNN and OpenBLAS in this thread, denormal numbers as zero, deterministic kernels
/// on a GPU. Call it first in every thread that computes: the bits of a product depend on the number of threads.
void compute_deterministically();

std::string torch_version();

}  // namespace hullscope::networks

// How LibTorch and the BLAS beneath it run: devices, threads, determinism.
#pragma once
#include <string>

namespace hullscope::networks {

/// "cpu" or "cuda" for "auto", "cpu" or "cuda". Throws EnvironmentError for "cuda" where LibTorch sees no such device.
std::string resolve_device(const std::string& wanted);

/// One thread a call for LibTorch, oneDNN and OpenBLAS in this thread, denormal numbers as zero, deterministic kernels
/// on a GPU. Call it first in every thread that computes: the bits of a product depend on the number of threads.
void compute_deterministically();

/// Leaves memory that was freed with this process (glibc; elsewhere without effect). A step of a convolutional network
/// frees and allocates tens of MiB a layer; given back to the system each time, they cost a page fault for every 4 KiB,
/// a fifth to a quarter of the step's CPU time (docs/results/training.md). Call it once, before other threads start.
void keep_freed_memory();

std::string torch_version();

}  // namespace hullscope::networks

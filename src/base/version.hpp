#pragma once
#include <string>

namespace hullscope {

/// The program's version, as git describes it, with "-dirty" for uncommitted changes ("0.1.0" without git).
const std::string& software_version();

/// The widest vector instructions of this machine: "avx512", "avx2" or "x86-64"; BLAS chooses its kernels by it.
std::string instruction_set();

}  // namespace hullscope

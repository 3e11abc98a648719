// OpenBLAS on one thread for as long as somebody needs it.
#pragma once

namespace hullscope::hull::detail {

/// While any of these lives, OpenBLAS works with one thread: the bits of its products must not depend on the number,
/// and its idle threads would spin. The last one to go restores what was set. Thread-safe; the setting is the
/// process's, so other threads' BLAS calls are on one thread meanwhile.
class OneBlasThread {
 public:
  OneBlasThread();
  ~OneBlasThread();
  OneBlasThread(const OneBlasThread&) = delete;
  OneBlasThread& operator=(const OneBlasThread&) = delete;
};

}  // namespace hullscope::hull::detail

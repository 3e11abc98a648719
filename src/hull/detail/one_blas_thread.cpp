#include <hullscope/hull/detail/one_blas_thread.hpp>

#include <cblas.h>

#include <mutex>

namespace hullscope::hull::detail {
namespace {

struct Holders {
  std::mutex lock;
  int count = 0;
  int before = 1;
};
Holders& holders() {
  static Holders one;
  return one;
}

}  // namespace

OneBlasThread::OneBlasThread() {
  Holders& all = holders();
  const std::lock_guard lock(all.lock);
  if (all.count++ > 0) return;
  all.before = openblas_get_num_threads();
  if (all.before != 1) openblas_set_num_threads(1);
}

OneBlasThread::~OneBlasThread() {
  Holders& all = holders();
  const std::lock_guard lock(all.lock);
  if (--all.count == 0 && all.before != 1) openblas_set_num_threads(all.before);
}

}  // namespace hullscope::hull::detail

#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/tao.hpp>

namespace hullscope::hull::detail {

std::vector<std::string> tao_types() {
  return {};
}

TaoOutcome tao_solve(const TaoRequest&, const std::string& type) {
  throw InternalError("solver \"tao:" + type + "\" was accepted by a build without PETSc.");
}

}  // namespace hullscope::hull::detail

#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/tao.hpp>

namespace hullscope::hull::detail {

std::vector<std::string> tao_types() {
  return {};
}

TaoOutcome tao_solve(const PreparedPoints&, const RowFilter&, const double*, const std::string& type,
                     const std::function<bool()>&) {
  throw InternalError("solver \"tao:" + type + "\" was accepted by a build without PETSc.");
}

}  // namespace hullscope::hull::detail

#include <hullscope/hull/detail/lane.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <numeric>

namespace hullscope::hull::detail {

std::vector<std::int64_t> nearest_rows(const Pricing& pricing, const PricingQuery& query, std::int64_t wanted) {
  Ask ask;
  ask.y = query.y, ask.left_out = query.left_out, ask.wanted = static_cast<std::int32_t>(wanted);
  return pricing.nearest({&ask, 1}, query.mask).front();
}

Matrix<double> rows_of(const Pricing& pricing, const std::vector<std::int64_t>& rows) {
  Matrix<double> x(static_cast<Eigen::Index>(rows.size()), pricing.dimension());
  if (!rows.empty()) pricing.rows(rows, x.data());
  return x;
}

double distance_to(const Pricing& pricing, const std::vector<std::int64_t>& rows, const std::vector<double>& weights,
                   const double* y) {
  const Matrix<double> x = rows_of(pricing, rows);
  std::vector<std::int64_t> every(rows.size());
  std::iota(every.begin(), every.end(), std::int64_t{0});
  return proof::hull_point_distance(view(x), every, weights, {y, static_cast<std::size_t>(pricing.dimension())}).upper;
}

Candidate pricing_search(const Pricing& pricing, const PricingQuery& query, const Goal& goal,
                         const std::vector<std::int64_t>& seeds, const std::function<bool()>& out_of_time) {
  const Effort effort = Effort::thorough(pricing.dimension());
  Lane lane(pricing, effort, goal);
  lane.begin(0, query.y, query.left_out);
  lane.add(seeds.empty() ? nearest_rows(pricing, query, effort.start) : seeds);
  while (!lane.minimise()) {
    const Ask ask = lane.ask();
    if (lane.judge(pricing.price({&ask, 1}, query.mask).front()) || out_of_time()) break;
    lane.add(lane.entering());
  }
  return lane.take_stopped();
}

}  // namespace hullscope::hull::detail

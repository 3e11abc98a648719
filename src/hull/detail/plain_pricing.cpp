#include <algorithm>
#include <hullscope/hull/detail/plain_pricing.hpp>

namespace hullscope::hull::detail {
namespace {

// The first `wanted` of all, ascending.
void keep_first(std::vector<PricedRow>& all, std::int32_t wanted) {
  const std::size_t count = std::min(all.size(), static_cast<std::size_t>(wanted));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
  all.resize(count);
}

}  // namespace

void PlainPricing::rows(std::span<const std::int64_t> rows, double* out) const {
  for (std::size_t i = 0; i < rows.size(); ++i)
    points_.copy_row(rows[i], out + static_cast<std::int64_t>(i) * dimension());
}

std::vector<std::vector<std::int64_t>> PlainPricing::nearest(std::span<const Ask> asks, Mask mask) const {
  std::vector<std::vector<std::int64_t>> result;
  std::vector<double> x(static_cast<std::size_t>(dimension()));
  for (const Ask& ask : asks) {
    const RowFilter filter{mask.empty() ? nullptr : mask.data(), ask.left_out};
    std::vector<PricedRow> all;
    for (std::int64_t i = 0; i < size(); ++i) {
      if (!filter.allows(i)) continue;
      points_.copy_row(i, x.data());
      double square = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        const double difference = (x[k] - ask.y[k]) / unit();
        square += difference * difference;
      }
      all.push_back({square, i});
    }
    keep_first(all, ask.wanted);
    std::vector<std::int64_t>& rows = result.emplace_back();
    for (const PricedRow& row : all) rows.push_back(row.row);
  }
  return result;
}

std::vector<Priced> PlainPricing::price(std::span<const Ask> asks, Mask mask) const {
  std::vector<Priced> result;
  for (const Ask& ask : asks) {
    const RowFilter filter{mask.empty() ? nullptr : mask.data(), ask.left_out};
    Priced& priced = result.emplace_back();
    priced.lower = ask.cut;
    std::visit(
        [&](const auto& x) {
          for (std::int64_t i = 0; i < size(); ++i) {
            if (!filter.allows(i)) continue;
            double error = 0;
            const double value = row_value(x.data() + i * dimension(), ask.y, ask.direction, dimension(), error);
            priced.lower = std::min(priced.lower, value - error);
            if (value < ask.cut) priced.lowest.push_back({value, i});
          }
        },
        points_.points());
    keep_first(priced.lowest, ask.wanted);
  }
  return result;
}

}  // namespace hullscope::hull::detail

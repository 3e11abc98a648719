#include <algorithm>
#include <hullscope/hull/detail/block_pricing.hpp>

namespace hullscope::hull::detail {
namespace {

/// The `wanted` first rows in (value, row) order of those that are added; at most about twice as many are kept.
class Lowest {
 public:
  explicit Lowest(std::int32_t wanted) : wanted_(static_cast<std::size_t>(wanted)) {}
  void add(PricedRow row) {
    if (wanted_ == 0 || (full_ && !(row < last_))) return;
    rows_.push_back(row);
    if (rows_.size() < 2 * wanted_ + 64) return;
    std::nth_element(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(wanted_ - 1), rows_.end());
    rows_.resize(wanted_);
    last_ = rows_.back();
    full_ = true;
  }
  std::vector<PricedRow> take() {
    std::sort(rows_.begin(), rows_.end());
    rows_.resize(std::min(rows_.size(), wanted_));
    return std::move(rows_);
  }

 private:
  std::size_t wanted_;
  bool full_ = false;
  PricedRow last_{0, 0};
  std::vector<PricedRow> rows_;
};

}  // namespace

void BlockPricing::rows(std::span<const std::int64_t> rows, double* out) const {
  std::visit(
      [&](const auto& x) {
        for (const std::int64_t row : rows)
          for (std::int64_t k = 0; k < x.cols(); ++k) *out++ = static_cast<double>(x(row, k));
      },
      points_);
}

std::vector<std::vector<PricedRow>> BlockPricing::near(std::span<const Ask> asks, Mask mask) const {
  std::vector<std::vector<PricedRow>> result;
  const double inverse_unit = 1 / unit();
  for (const Ask& ask : asks) {
    const RowFilter filter{mask.empty() ? nullptr : mask.data(), ask.left_out};
    Lowest lowest(ask.wanted);
    std::visit(
        [&](const auto& x) {
          for (std::int64_t i = 0; i < size(); ++i) {
            if (!filter.allows(i)) continue;
            const auto* row = x.data() + i * x.cols();
            double square = 0;
            for (std::int64_t k = 0; k < x.cols(); ++k) {
              const double difference = (static_cast<double>(row[k]) - ask.y[k]) * inverse_unit;
              square += difference * difference;
            }
            lowest.add({square, i});
          }
        },
        points_);
    result.push_back(lowest.take());
  }
  return result;
}

std::vector<std::vector<std::int64_t>> BlockPricing::nearest(std::span<const Ask> asks, Mask mask) const {
  std::vector<std::vector<std::int64_t>> result;
  for (const std::vector<PricedRow>& found : near(asks, mask)) {
    std::vector<std::int64_t>& rows = result.emplace_back();
    for (const PricedRow& row : found) rows.push_back(row.row);
  }
  return result;
}

std::vector<Priced> BlockPricing::price(std::span<const Ask> asks, Mask mask) const {
  std::vector<Priced> result;
  for (const Ask& ask : asks) {
    const RowFilter filter{mask.empty() ? nullptr : mask.data(), ask.left_out};
    Priced& priced = result.emplace_back();
    priced.lower = ask.cut;
    Lowest lowest(ask.wanted);
    std::visit(
        [&](const auto& x) {
          for (std::int64_t i = 0; i < size(); ++i) {
            if (!filter.allows(i)) continue;
            double error = 0;
            const double value = row_value(x.data() + i * x.cols(), ask.y, ask.direction, x.cols(), error);
            priced.lower = std::min(priced.lower, value - error);
            if (value < ask.cut) lowest.add({value, i});
          }
        },
        points_);
    priced.lowest = lowest.take();
  }
  return result;
}

}  // namespace hullscope::hull::detail

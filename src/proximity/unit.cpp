#include <hullscope/proximity/unit.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include <hullscope/base/random.hpp>

namespace hullscope::proximity {

std::vector<std::int64_t> sample_rows(std::span<const std::int64_t> ids, std::int64_t size, std::uint64_t key) {
  const auto id = [&](std::int64_t row) { return ids[static_cast<std::size_t>(row)]; };
  std::vector<std::int64_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  if (static_cast<std::int64_t>(rows.size()) > size) {
    std::vector<std::uint64_t> draw(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      draw[i] = RandomStream(key, static_cast<std::uint64_t>(ids[i])).bits64();
    std::nth_element(rows.begin(), rows.begin() + size, rows.end(), [&](std::int64_t a, std::int64_t b) {
      return std::make_tuple(draw[static_cast<std::size_t>(a)], id(a)) <
             std::make_tuple(draw[static_cast<std::size_t>(b)], id(b));
    });
    rows.resize(static_cast<std::size_t>(size));
  }
  std::sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) { return id(a) < id(b); });
  return rows;
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
}

}  // namespace hullscope::proximity

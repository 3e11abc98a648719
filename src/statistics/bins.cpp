#include <hullscope/statistics/bins.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <hullscope/statistics/intervals.hpp>

namespace hullscope::statistics {
namespace {

void add(Bin& bin, double distance, bool correct) {
  bin.mean_distance += distance;  // sums until finish()
  bin.accuracy += correct;
  ++bin.count;
}

void finish(Bin& bin) {
  const double n = static_cast<double>(bin.count), none = std::numeric_limits<double>::quiet_NaN();
  bin.mean_distance = bin.count ? bin.mean_distance / n : none;
  bin.accuracy = bin.count ? bin.accuracy / n : none;
}

}  // namespace

std::vector<Bin> paper_bins(std::span<const double> distance, std::span<const std::uint8_t> correct, int bins) {
  std::vector<double> sorted(distance.begin(), distance.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Bin> result(static_cast<std::size_t>(bins));
  const double step = 100.0 / (bins + 1);
  for (std::size_t k = 0; k < result.size(); ++k)
    result[k].centre = quantile(sorted, static_cast<double>(k + 1) * step / 100);
  for (std::size_t i = 0; i < distance.size(); ++i) {
    const auto nearest = std::min_element(result.begin(), result.end(), [&](const Bin& a, const Bin& b) {
      return std::fabs(distance[i] - a.centre) < std::fabs(distance[i] - b.centre);
    });
    add(*nearest, distance[i], correct[i]);
  }
  for (Bin& bin : result) finish(bin);
  return result;
}

std::vector<Bin> quantile_bins(std::span<const double> distance, std::span<const std::uint8_t> correct, int bins) {
  const std::size_t n = distance.size(), count = static_cast<std::size_t>(bins);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return distance[a] < distance[b]; });
  std::vector<Bin> result(count);
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<double> members;
    for (std::size_t place = k * n / count; place < (k + 1) * n / count; ++place) {
      members.push_back(distance[order[place]]);
      add(result[k], distance[order[place]], correct[order[place]]);
    }
    result[k].centre = quantile(members, 0.5);
    finish(result[k]);
  }
  return result;
}

}  // namespace hullscope::statistics

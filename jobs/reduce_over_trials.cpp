#include "reduce_over_trials.hpp"

#include <fmt/format.h>

#include <limits>

#include <hullscope/base/random.hpp>
#include <hullscope/statistics/dimension.hpp>

namespace hullscope::jobs {
namespace {

void store_interval(ResultsTable& table, const std::string& path, std::initializer_list<std::int64_t> leading,
                    const statistics::Interval& interval) {
  const auto* i = leading.begin();
  if (leading.size() == 1) {
    table.at(path, {i[0], 0}) = interval.lower, table.at(path, {i[0], 1}) = interval.upper;
  } else {
    table.at(path, {i[0], i[1], 0}) = interval.lower, table.at(path, {i[0], i[1], 1}) = interval.upper;
  }
}

/// Means and intervals over trials of one quantity by d.
void reduce_over_trials(const Frame& frame, ResultsTable& table, std::int64_t w, const std::string& group,
                        const std::string& value) {
  const auto seed = static_cast<std::uint64_t>(frame.study.seed);
  for (std::int64_t d = 0; d < table.size("bottleneck"); ++d) {
    std::vector<double> values;
    for (std::int64_t t = 0; t < table.size("trial"); ++t) values.push_back(table.at(value, {w, t, d}));
    const std::string stream =
        fmt::format("{}/{}/{}/reduce{}", frame.study.data.set, frame.networks[static_cast<std::size_t>(w)],
                    study::latent_name(frame.study.encode.dimensions[static_cast<std::size_t>(d)]), group);
    table.at(group + "/mean", {w, d}) = statistics::mean(values);
    store_interval(table, group + "/interval", {w, d}, t_interval(values));
    store_interval(table, group + "/bootstrap", {w, d},
                   statistics::bootstrap_interval(values, frame.study.reduce.bootstrap, stream_key(seed, stream)));
  }
}

}  // namespace

statistics::Interval t_interval(const std::vector<double>& values) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  return values.size() < kFewestTrialsForAnInterval ? statistics::Interval{kNaN, kNaN}
                                                    : statistics::student_t_interval(values);
}

void reduce_network(const Frame& frame, ResultsTable& table, std::int64_t w) {
  const auto accuracies = table.last_axis("/accuracy/test", {w});
  table.at("/accuracy/test_mean", {w}) = statistics::mean(accuracies);
  store_interval(table, "/accuracy/test_interval", {w}, t_interval(accuracies));
  reduce_over_trials(frame, table, w, "/relative_accuracy", "/relative_accuracy/value");
  reduce_over_trials(frame, table, w, "/hull", "/hull/inside");
  table.at("/intrinsic_dimension/value", {w}) = static_cast<double>(
      statistics::intrinsic_dimension(frame.study.encode.dimensions, table.last_axis("/relative_accuracy/mean", {w}),
                                      frame.study.reduce.relative_accuracy));
}

}  // namespace hullscope::jobs

#include <hullscope/proximity/measure.hpp>

#include <fmt/format.h>

#include <array>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::proximity {

constexpr std::array kMeasures = {Measure::kEuclidean, Measure::kEuclideanTrueClass, Measure::kEuclideanPredictedClass,
                                  Measure::kEuclideanOtherClass, Measure::kCosine};

std::string_view measure_name(Measure measure) {
  switch (measure) {
    case Measure::kEuclidean:
      return "euclidean";
    case Measure::kEuclideanTrueClass:
      return "euclidean_true_class";
    case Measure::kEuclideanPredictedClass:
      return "euclidean_predicted_class";
    case Measure::kEuclideanOtherClass:
      return "euclidean_other_class";
    case Measure::kCosine:
      return "cosine";
  }
  throw InternalError("a measure of proximity without a name");
}

Measure parse_measure(std::string_view name) {
  std::vector<std::string> valid;
  for (const Measure measure : kMeasures) {
    if (measure_name(measure) == name) return measure;
    valid.emplace_back(measure_name(measure));
  }
  throw UsageError(fmt::format("unknown measure of proximity '{}'; valid are {} (did you mean '{}'?)", name,
                               join(valid), nearest_name(name, valid)));
}

const std::vector<Score>& scores() {
  static const std::vector<Score> all = {{"euclidean_predicted_class", true},
                                         {"kth_neighbour", false},
                                         {"inverse_trust", true},
                                         {"mahalanobis", true},
                                         {"class_mean", true}};
  return all;
}

}  // namespace hullscope::proximity

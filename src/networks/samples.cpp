#include <hullscope/networks/samples.hpp>

#include <cmath>

#include <hullscope/base/error.hpp>

namespace hullscope::networks {
namespace {

std::int64_t channels_of(const Shape& shape) {
  return shape.size() == 3 ? shape[0] : elements(shape);
}

// Two passes in double, in the order of the rows.
Scaling standard_scaling(const Samples& train) {
  const auto channels = channels_of(train.shape), each = elements(train.shape) / channels;
  const auto count = static_cast<double>(train.size * each);
  std::vector<float> row(static_cast<std::size_t>(elements(train.shape)));
  std::vector<double> mean(static_cast<std::size_t>(channels)), square(mean.size());
  const auto over_values = [&](const auto& use) {
    for (std::int64_t i = 0; i < train.size; ++i) {
      train.copy_row(i, row);
      for (std::size_t c = 0; c < mean.size(); ++c)
        for (std::int64_t k = 0; k < each; ++k)
          use(c, row[c * static_cast<std::size_t>(each) + static_cast<std::size_t>(k)]);
    }
  };
  over_values([&](std::size_t c, float x) { mean[c] += static_cast<double>(x); });
  for (auto& m : mean) m /= count;
  over_values([&](std::size_t c, float x) {
    const double deviation = static_cast<double>(x) - mean[c];
    square[c] += deviation * deviation;
  });
  Scaling scaling;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const double sd = std::sqrt(square[c] / count);
    scaling.offset.push_back(static_cast<float>(mean[c]));
    scaling.divisor.push_back(sd > 0 ? static_cast<float>(sd) : 1.0f);
  }
  return scaling;
}

__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void scale_run(float* x, std::int64_t n,
                                                                                   float offset, float divisor) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - offset) / divisor;
}

__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void scale_each(float* x, std::int64_t n,
                                                                                    const float* offset,
                                                                                    const float* divisor) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - offset[i]) / divisor[i];
}

}  // namespace

Samples samples_of(const datasets::LabelledSet& set) {
  return {set.size(),
          set.classes(),
          set.sample_shape(),
          set.pixels(),
          [set](std::int64_t row, std::span<float> out) { set.copy_row(row, out); },
          [set](std::int64_t row) { return set.label(row); },
          [set](std::int64_t row) { return set.sample_id(row); }};
}

void Scaling::apply(std::span<float> samples, const Shape& shape) const {
  const auto channels = channels_of(shape), each = elements(shape) / channels;
  if (static_cast<std::int64_t>(offset.size()) != channels)
    throw InternalError("a scaling of another number of channels");
  for (std::size_t at = 0; at < samples.size(); at += static_cast<std::size_t>(channels * each)) {
    float* sample = samples.data() + at;
    if (each == 1) {
      scale_each(sample, channels, offset.data(), divisor.data());
    } else {
      for (std::int64_t c = 0; c < channels; ++c)
        scale_run(sample + c * each, each, offset[static_cast<std::size_t>(c)], divisor[static_cast<std::size_t>(c)]);
    }
  }
}

Scaling make_scaling(const std::string& kind, const Samples& train) {
  const auto channels = static_cast<std::size_t>(channels_of(train.shape));
  if (kind == "unit")
    return {std::vector<float>(channels, 0.0f), std::vector<float>(channels, train.pixels ? 255.0f : 1.0f)};
  if (kind == "none") return {std::vector<float>(channels, 0.0f), std::vector<float>(channels, 1.0f)};
  if (kind == "standard") return standard_scaling(train);
  throw UsageError("train.scaling: found \"" + kind + "\", expected \"unit\", \"standard\" or \"none\"");
}

Scaling normalised(const Scaling& scaling, const std::vector<double>& mean, const std::vector<double>& deviation) {
  if (mean.empty()) return scaling;
  const auto channels = scaling.offset.size();
  if (mean.size() != 1 && mean.size() != channels)
    throw UsageError("network.mean has " + std::to_string(mean.size()) + " values, expected 1 or one a channel, " +
                     std::to_string(channels));
  Scaling result;
  for (std::size_t c = 0; c < channels; ++c) {
    const std::size_t k = mean.size() == 1 ? 0 : c;
    const auto offset = static_cast<double>(scaling.offset[c]), divisor = static_cast<double>(scaling.divisor[c]);
    result.offset.push_back(static_cast<float>(offset + divisor * mean[k]));
    result.divisor.push_back(static_cast<float>(divisor * deviation[k]));
  }
  return result;
}

}  // namespace hullscope::networks

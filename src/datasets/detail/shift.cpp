#include <hullscope/datasets/detail/shift.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <numbers>
#include <numeric>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::datasets::detail {
namespace {

/// One sample: channels x height x width values, or d of them.
struct Sample {
  std::vector<double> values;
  std::vector<std::int64_t> shape;
  bool pixels;
};

/// Channel c at a point between pixels, linearly interpolated; 0 outside.
double value_at(const Sample& sample, std::int64_t c, double y, double x) {
  const std::int64_t height = sample.shape[1], width = sample.shape[2];
  const auto pixel = [&](std::int64_t row, std::int64_t column) {
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? sample.values[static_cast<std::size_t>((c * height + row) * width + column)] : 0.0;
  };
  const double top = std::floor(y), left = std::floor(x), down = y - top, right = x - left;
  const auto row = static_cast<std::int64_t>(top), column = static_cast<std::int64_t>(left);
  const double above = (1 - right) * pixel(row, column) + right * pixel(row, column + 1);
  const double below = (1 - right) * pixel(row + 1, column) + right * pixel(row + 1, column + 1);
  return (1 - down) * above + down * below;
}

/// Each pixel from the place that `source` says, in rows and columns from the centre.
void resample(Sample& sample, const std::function<std::pair<double, double>(double y, double x)>& source) {
  const std::int64_t channels = sample.shape[0], height = sample.shape[1], width = sample.shape[2];
  const double middle_y = static_cast<double>(height - 1) / 2, middle_x = static_cast<double>(width - 1) / 2;
  std::vector<double> moved(sample.values.size());
  for (std::int64_t row = 0; row < height; ++row)
    for (std::int64_t column = 0; column < width; ++column) {
      const auto [y, x] = source(static_cast<double>(row) - middle_y, static_cast<double>(column) - middle_x);
      for (std::int64_t c = 0; c < channels; ++c)
        moved[static_cast<std::size_t>((c * height + row) * width + column)] =
            value_at(sample, c, middle_y + y, middle_x + x);
    }
  sample.values = std::move(moved);
}

void rotate(Sample& sample, double degrees, RandomStream& random) {
  const double angle = (random.uniform() < 0.5 ? -degrees : degrees) * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  resample(sample, [&](double y, double x) { return std::pair(cosine * y + sine * x, cosine * x - sine * y); });
}

void translate(Sample& sample, double pixels, RandomStream& random) {
  const double direction = 2 * std::numbers::pi * random.uniform();
  const double down = pixels * std::sin(direction), right = pixels * std::cos(direction);
  resample(sample, [&](double y, double x) { return std::pair(y - down, x - right); });
}

void add_noise(Sample& sample, double deviation, RandomStream& random) {
  const double scale = sample.pixels ? 255 * deviation : deviation;
  for (double& value : sample.values) value += scale * random.normal();
}

void change_contrast(Sample& sample, double factor, RandomStream&) {
  const double mean = std::accumulate(sample.values.begin(), sample.values.end(), 0.0) /
                      static_cast<double>(std::max<std::size_t>(sample.values.size(), 1));
  for (double& value : sample.values) value = mean + factor * (value - mean);
}

struct Kind {
  void (*apply)(Sample&, double, RandomStream&);
  bool images;  ///< it needs them
};
const std::map<std::string, Kind> kKinds = {{"rotation", {rotate, true}},
                                            {"translation", {translate, true}},
                                            {"noise", {add_noise, false}},
                                            {"contrast", {change_contrast, false}}};

const Kind& kind_of(const Samples& samples, const std::string& shift, double strength) {
  const auto found = kKinds.find(shift);
  std::vector<std::string> names;
  for (const auto& [name, kind] : kKinds) names.push_back(name);
  if (found == kKinds.end())
    throw UsageError(fmt::format("shift \"{}\" is unknown; did you mean \"{}\"? (there are {})", shift,
                                 nearest_name(shift, names), join(names)));
  if (!(strength >= 0) || !std::isfinite(strength))
    throw UsageError(fmt::format("the {} has the strength {}; expected a number >= 0", shift, strength));
  if (found->second.images && samples.sample_shape.size() != 3)
    throw UsageError(
        fmt::format("a {} needs images, but the samples are vectors of {} values; expected noise or contrast", shift,
                    samples.features()));
  return found->second;
}

}  // namespace

void shift_samples(Samples& samples, const std::string& shift, double strength, std::uint64_t seed) {
  const Kind& kind = kind_of(samples, shift, strength);
  const std::uint64_t key = stream_key(seed, "data/shift/" + shift);
  const auto d = static_cast<std::size_t>(samples.features());
  Sample sample{std::vector<double>(d), samples.sample_shape, samples.pixels};
  for (std::size_t i = 0; i < samples.labels.size(); ++i) {
    std::byte* bytes = samples.values.data() + i * d * (samples.pixels ? 1 : sizeof(float));
    for (std::size_t k = 0; k < d; ++k) {
      float value = 0;
      if (!samples.pixels) std::memcpy(&value, bytes + k * sizeof value, sizeof value);
      sample.values[k] = samples.pixels ? std::to_integer<int>(bytes[k]) : static_cast<double>(value);
    }
    RandomStream random(key, i);
    kind.apply(sample, strength, random);
    for (std::size_t k = 0; k < d; ++k) {
      if (samples.pixels) {
        bytes[k] = static_cast<std::byte>(std::lround(std::clamp(sample.values[k], 0.0, 255.0)));
      } else {
        const auto value = static_cast<float>(sample.values[k]);
        std::memcpy(bytes + k * sizeof value, &value, sizeof value);
      }
    }
  }
}

}  // namespace hullscope::datasets::detail

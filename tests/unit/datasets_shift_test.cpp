// Shifted samples: what each shift does to an image, by hand and by slow formulas; the same on any number of samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/shift.hpp>

namespace hullscope::datasets::detail {
namespace {

using Shape = std::vector<std::int64_t>;

Samples pixels(std::int64_t count, const Shape& shape, std::uint64_t seed = 1) {
  Samples samples;
  samples.pixels = true, samples.sample_shape = shape, samples.classes = 2;
  std::mt19937_64 random(seed);
  for (std::int64_t i = 0; i < count; ++i) samples.labels.push_back(i % 2);
  for (std::int64_t k = 0; k < count * samples.features(); ++k)
    samples.values.push_back(static_cast<std::byte>(random() % 256));
  return samples;
}

Samples vectors(const std::vector<float>& values, std::int64_t d) {
  Samples samples;
  samples.sample_shape = {d}, samples.classes = 1;
  samples.labels.assign(values.size() / static_cast<std::size_t>(d), 0);
  samples.values.resize(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(samples.values.data(), values.data(), samples.values.size());
  return samples;
}

std::vector<float> floats(const Samples& samples) {
  std::vector<float> values(samples.values.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), samples.values.data(), samples.values.size());
  return values;
}

Samples shifted(Samples samples, const std::string& shift, double strength, std::uint64_t seed = 7) {
  shift_samples(samples, shift, strength, seed);
  return samples;
}

std::string refusal(const Samples& samples, const std::string& shift, double strength) {
  try {
    shifted(samples, shift, strength);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Shift, StrengthWithoutEffectLeavesEveryBit) {
  const Samples images = pixels(9, {3, 5, 4});
  for (const auto& [shift, strength] :
       {std::pair("rotation", 0.0), {"translation", 0.0}, {"noise", 0.0}, {"contrast", 1.0}, {"rotation", 360.0}})
    EXPECT_EQ(shifted(images, shift, strength).values, images.values) << shift;
  EXPECT_TRUE(shifted(pixels(0, {1, 2, 2}), "rotation", 30).values.empty());
}

TEST(Shift, HalfATurnReversesEachChannel) {
  const Samples images = pixels(5, {2, 4, 3}), turned = shifted(images, "rotation", 180);
  for (std::size_t plane = 0; plane < 10; ++plane)
    for (std::size_t k = 0; k < 12; ++k)
      EXPECT_EQ(turned.values[plane * 12 + k], images.values[plane * 12 + 11 - k]) << plane << " " << k;
}

TEST(Shift, AQuarterTurnGoesToEitherSide) {
  const std::int64_t n = 40;
  const Samples images = pixels(n, {1, 4, 4}), turned = shifted(images, "rotation", 90);
  int left = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = [&](const Samples& s, std::int64_t row, std::int64_t column) {
      return s.values[static_cast<std::size_t>(i * 16 + row * 4 + column)];
    };
    bool counter = true, clockwise = true;
    for (std::int64_t r = 0; r < 4; ++r)
      for (std::int64_t c = 0; c < 4; ++c) {
        counter &= at(turned, r, c) == at(images, c, 3 - r);
        clockwise &= at(turned, r, c) == at(images, 3 - c, r);
      }
    EXPECT_TRUE(counter != clockwise) << i;
    left += counter;
  }
  EXPECT_GT(left, 8);
  EXPECT_LT(left, 32);
}

TEST(Shift, TranslationMovesTheCentreOfMassByItsLength) {
  Samples images = pixels(20, {1, 21, 21});
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t k = 0; k < 441; ++k) {
      const bool spot =
          std::abs(static_cast<double>(k / 21) - 10) <= 2 && std::abs(static_cast<double>(k % 21) - 10) <= 2;
      images.values[i * 441 + k] = static_cast<std::byte>(spot ? 200 : 0);
    }
  const Samples moved = shifted(images, "translation", 5);
  for (std::size_t i = 0; i < 20; ++i) {
    double mass = 0, y = 0, x = 0;
    for (std::size_t k = 0; k < 441; ++k) {
      const auto value = std::to_integer<int>(moved.values[i * 441 + k]);
      mass += value, y += value * (static_cast<double>(k / 21) - 10), x += value * (static_cast<double>(k % 21) - 10);
    }
    EXPECT_NEAR(std::hypot(y / mass, x / mass), 5, 0.05) << i;
  }
}

TEST(Shift, NoiseHasItsDeviationAndIsTheSameAtEachStrength) {
  const std::vector<float> zeros(40000, 0.0f);
  const auto once = floats(shifted(vectors(zeros, 8), "noise", 1)),
             half = floats(shifted(vectors(zeros, 8), "noise", 0.5));
  double sum = 0, squares = 0;
  for (std::size_t k = 0; k < once.size(); ++k) {
    sum += static_cast<double>(once[k]), squares += static_cast<double>(once[k]) * static_cast<double>(once[k]);
    ASSERT_FLOAT_EQ(half[k], once[k] / 2);
  }
  EXPECT_NEAR(sum / 40000, 0, 0.03);
  EXPECT_NEAR(squares / 40000, 1, 0.03);
  const Samples cut = shifted(pixels(50, {1, 4, 4}), "noise", 3);  // rounded and cut, never wrapped around
  EXPECT_GT(std::count(cut.values.begin(), cut.values.end(), std::byte{0}), 100);
  EXPECT_GT(std::count(cut.values.begin(), cut.values.end(), std::byte{255}), 100);
}

TEST(Shift, ContrastPullsToTheMeanOfTheSample) {
  const auto values = floats(shifted(vectors({1, 3, 8, -2, -2, -2, 1e30f, -1e30f, 0}, 3), "contrast", 0.5));
  EXPECT_THAT(values, testing::ElementsAre(2.5f, 3.5f, 6.0f, -2.0f, -2.0f, -2.0f, 5e29f, -5e29f, 0.0f));
}

TEST(Shift, ASampleDependsOnItselfAndTheSeedAlone) {
  const Samples many = pixels(30, {1, 6, 6});
  Samples few = many;
  few.labels.resize(7), few.values.resize(7 * 36);
  for (const auto& [shift, strength] : {std::pair("rotation", 20.0), {"translation", 2.5}, {"noise", 0.2}}) {
    const Samples a = shifted(many, shift, strength), b = shifted(few, shift, strength);
    EXPECT_TRUE(std::equal(b.values.begin(), b.values.end(), a.values.begin())) << shift;
    EXPECT_NE(shifted(many, shift, strength, 8).values, a.values) << shift;
  }
}

TEST(Shift, Refusals) {
  const Samples images = pixels(2, {1, 3, 3});
  EXPECT_THAT(refusal(images, "rotatoin", 1), testing::HasSubstr("did you mean \"rotation\"?"));
  EXPECT_THAT(refusal(images, "noise", -1), testing::HasSubstr("expected a number >= 0"));
  EXPECT_THAT(refusal(images, "noise", std::numeric_limits<double>::quiet_NaN()),
              testing::HasSubstr("expected a number"));
  EXPECT_THAT(refusal(vectors({1, 2, 3}, 3), "rotation", 5), testing::HasSubstr("vectors of 3 values"));
}

}  // namespace
}  // namespace hullscope::datasets::detail

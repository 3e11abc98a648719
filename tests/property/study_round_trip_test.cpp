// parse(to_toml(s)) == s for random studies, and mutated study files are refused with a sentence or read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include <hullscope/base/error.hpp>
#include <hullscope/study/study_file.hpp>

namespace hullscope::study {
namespace {

std::uint64_t seed() {
  const char* given = std::getenv("HULLSCOPE_TEST_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 1;
}

struct Maker {
  std::mt19937_64 random;

  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  }
  double real(double low, double high) {
    // awkward magnitudes as often as ordinary ones
    const double value = std::exp(std::uniform_real_distribution<double>(-60, 3)(random));
    return std::min(std::max(value, low), high);
  }
  std::string name() {
    static const std::string characters = "abcXYZ019._+-";
    std::string out = "n";
    for (auto n = integer(0, 12); n > 0; --n) out += characters[static_cast<std::size_t>(integer(0, 12))];
    return out + std::to_string(integer(0, 1000000000));
  }
  std::string text() {
    static const std::vector<std::string> pieces = {
        "a", "\"", "\\", "'", " ", "#", "=", "[", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98", "{}", ".", "\\u0041"};
    std::string out = "t";
    for (auto n = integer(0, 9); n > 0; --n) out += pieces[static_cast<std::size_t>(integer(0, 13))];
    return out;
  }
  std::vector<std::string> some(std::vector<std::string> of) {
    std::shuffle(of.begin(), of.end(), random);
    of.resize(static_cast<std::size_t>(integer(1, static_cast<std::int64_t>(of.size()))));
    return of;
  }
  std::vector<std::int64_t> distinct() {
    std::vector<std::int64_t> out;
    for (std::int64_t value = integer(1, 9), n = integer(0, 8); n > 0; --n)
      out.push_back(value), value += integer(1, 99);
    std::shuffle(out.begin(), out.end(), random);
    return out;
  }
  TestSpec test() {
    TestSpec made{name(), "", {}, "", false};
    if (integer(0, 1)) {
      made.shift = some({"rotation", "translation", "noise", "contrast"})[0];
      for (double strength = real(1e-300, 20); integer(0, 3) > 0 || made.strengths.empty(); strength *= 3)
        made.strengths.push_back(strength);
    } else {
      made.set = text(), made.same_classes = integer(0, 1) == 1;
    }
    return made;
  }
  Study study() {
    Study s;
    s.name = name();
    s.seed = integer(0, std::numeric_limits<std::int64_t>::max());
    s.preset = text();
    s.data = {text(), text(), integer(0, 100), integer(0, 100)};
    s.train.trials = integer(1, 9999);
    s.train.epochs = integer(1, 1000);
    s.train.rate = real(1e-300, 10);
    s.train.validation = real(0, std::nextafter(1.0, 0.0));
    s.train.scaling = some({"unit", "standard", "none"})[0];
    s.train.checkpoint_seconds = real(0, 1e6);
    s.encode.dimensions = distinct();
    s.encode.hidden = distinct();
    s.encode.rate = real(1e-300, 10);
    s.hull.spaces = some({"pixel", "neural", "latent"});
    s.hull.projection = integer(0, 1) == 1;
    s.hull.eps = real(0, 1);
    s.proximity.spaces = some({"pixel", "neural", "latent"});
    s.proximity.measures = some({"euclidean", "euclidean_true_class", "cosine"});
    s.reduce.relative_accuracy = real(1e-300, 2);
    s.report.title = text();
    s.run.threads = integer(1, 1024);
    for (auto n = integer(0, 3); n > 0; --n)
      s.networks.push_back({name(), {text(), text(), "relu", "relu"}, integer(0, 1) ? text() : ""});
    for (auto n = integer(0, 2); n > 0; --n) s.tests.push_back(test());
    const auto has_pixel = [](const auto& spaces) { return std::count(spaces.begin(), spaces.end(), "pixel") > 0; };
    const bool own = std::any_of(s.networks.begin(), s.networks.end(), [](const auto& n) { return !n.set.empty(); });
    if (has_pixel(s.hull.spaces) || has_pixel(s.proximity.spaces))
      for (auto& network : s.networks) network.set.clear();
    else
      s.data.per_trial = own || integer(0, 1) == 1;
    return s;
  }
};

TEST(StudyRoundTrip, RandomStudies) {
  const auto s = seed();
  RecordProperty("seed", std::to_string(s));
  std::printf("HULLSCOPE_TEST_SEED=%llu\n", static_cast<unsigned long long>(s));
  Maker maker{std::mt19937_64(s)};
  for (int i = 0; i < 500; ++i) {
    const Study study = maker.study();
    ASSERT_EQ(parse(to_toml(study), "resolved"), study) << to_toml(study);
    ASSERT_EQ(to_toml(parse(to_toml(study), "resolved")), to_toml(study));
  }
}

TEST(StudyRoundTrip, MutatedFilesNeverCrash) {
  const auto s = seed();
  std::printf("HULLSCOPE_TEST_SEED=%llu\n", static_cast<unsigned long long>(s));
  Maker maker{std::mt19937_64(s)};
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = to_toml(maker.study());
    for (auto n = maker.integer(1, 4); n > 0 && !text.empty(); --n) {
      const auto at = static_cast<std::size_t>(maker.integer(0, static_cast<std::int64_t>(text.size()) - 1));
      switch (maker.integer(0, 3)) {
        case 0:
          text[at] = static_cast<char>(maker.integer(0, 255));
          break;
        case 1:
          text.erase(at, static_cast<std::size_t>(maker.integer(1, 30)));
          break;
        case 2:
          text.insert(at, text.substr(at, static_cast<std::size_t>(maker.integer(1, 30))));
          break;
        default:
          text.resize(at + 1);
      }
    }
    try {
      const Study study = parse(text, "mutated");
      ASSERT_EQ(parse(to_toml(study), "resolved"), study) << text;
    } catch (const UsageError& error) {
      ++refused;
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one sentence, one line: " << error.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace hullscope::study

// MNIST and CIFAR-10 as published, where they are on this machine (ctest label `data`).
#include <hullscope/datasets/detail/samples.hpp>
#include <hullscope/datasets/registry.hpp>

#include "datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using detail::read_split;
using detail::Samples;

std::vector<int> class_counts(const Samples& samples) {
  std::vector<int> counts(10, 0);
  for (const std::int64_t label : samples.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

/// The mean of channel c over all samples, in units of the full scale.
double channel_mean(const Samples& samples, std::size_t channel) {
  const auto plane = static_cast<std::size_t>(samples.sample_shape[1] * samples.sample_shape[2]);
  const auto d = static_cast<std::size_t>(samples.features());
  double sum = 0;
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    for (std::size_t j = 0; j < plane; ++j)
      sum += static_cast<double>(static_cast<unsigned char>(samples.values[i * d + channel * plane + j]));
  return sum / 255 / static_cast<double>(samples.labels.size() * plane);
}

#define SKIP_UNLESS_HERE(name)                         \
  if (found_folder(*find_named_set(name), "").empty()) \
  GTEST_SKIP() << name << " is missing; " << how_to_get(*find_named_set(name))

// Counts a class and mean brightness as everybody publishes them.
TEST(Mnist, IsReadAsPublished) {
  SKIP_UNLESS_HERE("mnist");
  const Samples train = read_split({"mnist", "train", 0, "", 0}), test = read_split({"mnist", "test", 0, "", 0});
  EXPECT_EQ(train.sample_shape, (std::vector<std::int64_t>{1, 28, 28}));
  EXPECT_EQ(class_counts(train), (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(class_counts(test), (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_NEAR(channel_mean(train, 0), 0.1307, 5e-5);
  for (const NamedFile& file : find_named_set("mnist")->files)
    EXPECT_EQ(fault_of(file, candidates(*find_named_set("mnist"), file, "").front()), "");
}

/// A folder to search for CIFAR-10's binary files: none is needed where they are on the search path; where
/// HULLSCOPE_DATA holds the packed form that continuous integration uses, they are unpacked once into the build folder,
/// for the tests of every preset. False: they are nowhere.
bool find_cifar(std::string& folder) {
  const NamedSet& set = *find_named_set("cifar-10");
  folder = std::string(HULLSCOPE_SOURCE_DIR) + "/build/test-data";
  if (!found_folder(set, folder).empty()) return true;
  const char* data = std::getenv("HULLSCOPE_DATA");
  const std::string script = std::string(data ? data : "") + "/cifar10-packed/unpack.py";
  if (!std::filesystem::exists(script)) return false;
  const std::string partial = folder + "/unpacking-" + std::to_string(::getpid());
  std::filesystem::create_directories(partial);
  const bool done = std::system(("/usr/bin/python3 '" + script + "' '" + partial + "' > /dev/null").c_str()) == 0;
  std::error_code another_was_first;
  if (done) std::filesystem::rename(partial, folder + "/cifar-10", another_was_first);
  std::filesystem::remove_all(partial);
  return !found_folder(set, folder).empty();
}

TEST(Cifar10, IsReadAsPublished) {
  std::string folder;
  if (!find_cifar(folder)) GTEST_SKIP() << "CIFAR-10 is missing; " << how_to_get(*find_named_set("cifar-10"));
  const Samples train = read_split({"cifar-10", "train", 0, folder, 0});
  EXPECT_EQ(train.sample_shape, (std::vector<std::int64_t>{3, 32, 32}));
  EXPECT_EQ(class_counts(train), std::vector<int>(10, 5000));
  EXPECT_NEAR(channel_mean(train, 0), 0.4914, 5e-5);
  EXPECT_NEAR(channel_mean(train, 1), 0.4822, 5e-5);
  EXPECT_NEAR(channel_mean(train, 2), 0.4465, 5e-5);
  const Samples test = read_split({"cifar-10", "test", 0, folder, 0});
  EXPECT_EQ(class_counts(test), std::vector<int>(10, 1000));
  EXPECT_EQ(test.labels[0], 3);                                             // a cat
  const Samples few = read_split({"cifar-10", "train", 10001, folder, 0});  // one more than the first file holds
  EXPECT_TRUE(std::equal(few.values.begin(), few.values.end(), train.values.begin()));
  EXPECT_EQ(few.labels.size(), 10001u);
}

}  // namespace
}  // namespace hullscope::datasets

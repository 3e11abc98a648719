// Small valid files, damaged in thousands of ways: a reader answers with the array or a DataError, never with a crash,
// another error, or memory that the file does not hold. The seed is fixed; HULLSCOPE_FUZZ_SEED and HULLSCOPE_FUZZ_CASES
// change it and the number of cases a format.
#include <cstdlib>

#include <hullscope/base/random.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/detail/readers.hpp>
#include <hullscope/parallel/progress.hpp>

#include "../unit/datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using test::Folder;
using test::gzip;
using test::idx;
using test::npy;
using test::npy_header;

std::uint64_t number_of_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::size_t below(RandomStream& random, std::size_t n) {
  return static_cast<std::size_t>(random.below(n));
}

void mutate_once(std::string& bytes, RandomStream& random) {
  static const std::string kExtremes = std::string("\x00\x01\x7f\x80\xff()',:{}0123456789<>|", 26);
  if (bytes.empty()) {
    bytes += static_cast<char>(random.below(256));
    return;
  }
  // Headers are where it matters: half of all places are among the first 128 bytes.
  const std::size_t reach = random.below(2) ? bytes.size() : std::min<std::size_t>(bytes.size(), 128);
  const std::size_t at = below(random, reach), run = 1 + below(random, 8);
  switch (random.below(7)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      break;
    case 1:
      bytes[at] = kExtremes[below(random, kExtremes.size())];
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.append(run, static_cast<char>(random.below(256)));
      break;
    case 4:
      bytes.erase(at, run);
      break;
    case 5:
      bytes.insert(at, bytes.substr(below(random, bytes.size()), run));
      break;
    default:
      for (std::size_t i = at; i < std::min(at + run, bytes.size()); ++i)
        bytes[i] = static_cast<char>(random.below(2) ? 0xff : random.below(256));
  }
}

/// Damages `good` in many ways and reads each; `read` throws what a reader throws.
template <class Read>
void fuzz(const std::string& format, const std::string& good, bool pack, const Read& read, std::uint64_t cases = 4000) {
  const std::uint64_t seed = number_of_environment("HULLSCOPE_FUZZ_SEED", 2022);
  cases = number_of_environment("HULLSCOPE_FUZZ_CASES", cases);
  SCOPED_TRACE(format + ", HULLSCOPE_FUZZ_SEED=" + std::to_string(seed));
  const Folder folder;
  const std::int64_t before = parallel::Stopwatch::peak_bytes();
  std::uint64_t accepted = 0, refused = 0;
  for (std::uint64_t item = 0; item < cases; ++item) {
    RandomStream random(stream_key(seed, format), item);
    std::string bytes = good;
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) mutate_once(bytes, random);
    const std::string path = folder.write("case", pack ? gzip(bytes) : bytes);
    try {
      read(path);
      ++accepted;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(path)) << "case " << item;
      ++refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "case " << item << ": " << error.what();
    }
  }
  EXPECT_EQ(accepted + refused, cases);
  EXPECT_GT(refused, cases / 10);
  if (test::kPeakIsMeant) {
    EXPECT_LT(parallel::Stopwatch::peak_bytes() - before, std::int64_t{32} << 20);
  }
  std::printf("%s: seed %llu, %llu accepted, %llu refused\n", format.c_str(), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(accepted), static_cast<unsigned long long>(refused));
}

/// Reads an array and uses it; what it says of its size must be true.
void read_and_use(const std::string& path) {
  const Array array = read_array(path);
  const std::size_t width = array.type == "u8" ? 1 : array.type == "i32" || array.type == "f32" ? 4 : 8;
  ASSERT_EQ(array.bytes.size(), static_cast<std::size_t>(array.size()) * width);
  as_points(array);
  if (array.shape.size() == 1) as_labels(array);
}

std::string some_bytes(std::size_t n) {
  std::string bytes(n, '\0');
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(i * 37 % 251);
  return bytes;
}

TEST(Fuzz, Idx) {
  fuzz("idx", idx(0x08, {5, 4, 3}, some_bytes(60)), false, read_and_use);
}
TEST(Fuzz, IdxOfDoubles) {
  fuzz("idx of doubles", idx(0x0E, {4, 3}, some_bytes(96)), false, read_and_use);
}
TEST(Fuzz, IdxInGzip) {
  fuzz("idx in gzip", idx(0x0C, {5, 3}, some_bytes(60)), true, read_and_use);
}
TEST(Fuzz, GzipOfIdx) {
  fuzz("gzip of idx", gzip(idx(0x08, {700}, some_bytes(700))), false, read_and_use);
}
TEST(Fuzz, Npy) {
  fuzz("npy", npy(npy_header("<f8", "(4, 3)"), some_bytes(96)), false, read_and_use);
}
TEST(Fuzz, NpyOfFortran) {
  fuzz("npy of Fortran", npy(npy_header(">i2", "(4, 3, 2)", true), some_bytes(48), 2), false, read_and_use);
}
TEST(Fuzz, NpyOfHalves) {
  fuzz("npy of halves", npy(npy_header("<f2", "(7, 3)"), some_bytes(42), 3), false, read_and_use);
}
TEST(Fuzz, Cifar) {
  std::string records;
  for (int i = 0; i < 3; ++i) records += static_cast<char>(i) + some_bytes(3072);
  fuzz("cifar", records, false, [](const std::string& path) { detail::read_cifar(path); });
}

// The library of HDF5 reads HDF5's own structures; here it is shown that a cut file is always a DataError.
TEST(Fuzz, CutHdf5) {
  const Folder folder;
  const std::string script =
      "import h5py,numpy as n,sys; f=h5py.File(sys.argv[1],'w'); f['x']=n.arange(60.0).reshape(20,3);"
      "f.create_dataset('y',data=n.arange(60),chunks=(7,),compression=4)";
  ASSERT_EQ(std::system(("/usr/bin/python3 -c \"" + script + "\" '" + (folder / "whole.h5") + "'").c_str()), 0);
  std::ifstream stream(folder / "whole.h5", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  ASSERT_EQ(read_array(folder / "whole.h5:/x").size(), 60);
  for (std::size_t size = 0; size < whole.size(); size += 29)
    for (const char* dataset : {":/x", ":/y"}) {
      const std::string path = folder.write("cut.h5", whole.substr(0, size));
      test::expect_error<DataError>([&] { read_array(path + dataset); }, {"cut.h5"});
    }
}

}  // namespace
}  // namespace hullscope::datasets

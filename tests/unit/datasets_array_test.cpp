// The readers of single files: what they read, and what they say of files that are not what they should be.
#include <cmath>
#include <limits>

#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/detail/readers.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/store/artifact.hpp>

#include "datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using test::big_endian;
using test::expect_error;
using test::Folder;
using test::gzip;
using test::idx;
using test::little_endian;
using test::npy;
using test::npy_header;

template <class T>
std::vector<T> values(const Array& array) {
  std::vector<T> out(array.bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), array.bytes.data(), array.bytes.size());
  return out;
}

using Shape = std::vector<std::int64_t>;

// ---- IDX

TEST(Idx, ReadsEveryTypeOfTheFormat) {
  const Folder folder;
  const auto read = [&](const std::string& bytes) { return read_array(folder.write("a", bytes)); };

  Array array = read(idx(0x08, {2, 3}, std::string("\x00\x01\x02\x03\x04\xff", 6)));
  EXPECT_EQ(array.type, "u8");
  EXPECT_EQ(array.shape, (Shape{2, 3}));
  EXPECT_EQ(values<std::uint8_t>(array), (std::vector<std::uint8_t>{0, 1, 2, 3, 4, 255}));

  array = read(idx(0x09, {2}, "\x80\x7f"));
  EXPECT_EQ(array.type, "i32");
  EXPECT_EQ(values<std::int32_t>(array), (std::vector<std::int32_t>{-128, 127}));

  array = read(idx(0x0B, {2}, std::string("\x80\x00\x01\x02", 4)));
  EXPECT_EQ(array.type, "i32");
  EXPECT_EQ(values<std::int32_t>(array), (std::vector<std::int32_t>{-32768, 258}));

  array = read(idx(0x0C, {2}, big_endian(0x80000000u, 4) + big_endian(7, 4)));
  EXPECT_EQ(array.type, "i32");
  EXPECT_EQ(values<std::int32_t>(array), (std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::min(), 7}));

  array = read(idx(0x0D, {1}, big_endian(0xC0490FDBu, 4)));
  EXPECT_EQ(array.type, "f32");
  EXPECT_EQ(values<float>(array), (std::vector<float>{-3.14159274f}));

  array = read(idx(0x0E, {1}, big_endian(0x400921FB54442D18u, 8)));
  EXPECT_EQ(array.type, "f64");
  EXPECT_EQ(values<double>(array), (std::vector<double>{3.141592653589793}));
}

TEST(Idx, PackedAndUnpackedAreTheSameArray) {
  const Folder folder;
  const std::string bytes = idx(0x08, {3, 2, 2}, std::string("abcdefghijkl"));
  const Array plain = read_array(folder.write("plain", bytes));
  const Array packed = read_array(folder.write("no ending tells it is gzip", gzip(bytes)));
  const Array halves = read_array(folder.write("members.gz", gzip(bytes.substr(0, 9)) + gzip(bytes.substr(9))));
  for (const Array* other : {&packed, &halves}) {
    EXPECT_EQ(other->shape, plain.shape);
    EXPECT_EQ(other->bytes, plain.bytes);
    EXPECT_EQ(other->digest, plain.digest);
  }
  EXPECT_EQ(plain.digest.size(), 64u);
}

TEST(Idx, AxesOfLengthZeroAndOne) {
  const Folder folder;
  Array array = read_array(folder.write("none", idx(0x08, {0, 28, 28}, "")));
  EXPECT_EQ(array.size(), 0);
  EXPECT_EQ(array.shape, (Shape{0, 28, 28}));
  EXPECT_EQ(std::get<Matrix<float>>(as_points(array)).cols(), 784);
  array = read_array(folder.write("one", idx(0x08, {1}, "x")));
  EXPECT_EQ(array.size(), 1);
  const std::vector<std::uint32_t> ones(255, 1);
  EXPECT_EQ(read_array(folder.write("many", idx(0x08, ones, "x"))).shape.size(), 255u);
}

TEST(Idx, SaysWhatIsWrong) {
  const Folder folder;
  const auto fault = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    std::vector<std::string> all = parts;
    all.push_back(folder / "bad");  // the file is always named
    expect_error<DataError>([&] { read_array(folder.write("bad", bytes)); }, all);
  };
  const std::string good = idx(0x08, {2, 3}, "abcdef");
  fault("", {"empty"});
  fault(std::string("\0\0\x08", 3), {"byte 3", "ends here", "1 more bytes"});
  fault(good.substr(0, 7), {"byte 7", "ends here", "2 axes"});
  fault(good.substr(0, 15), {"byte 12", "promises 6 values", "at most 3"});
  fault(good + "g", {"byte 18", "more bytes", "2 x 3 values"});
  fault(idx(0x0A, {1}, "x"), {"byte 2", "type code 0x0a", "0x08"});
  fault(idx(0x08, {}, ""), {"byte 3", "0 axes"});
  fault("GIF89a", {"byte 0", "neither an IDX file"});
  fault(std::string("\x01\0\x08\x01", 4), {"neither an IDX file"});
  fault(idx(0x08, {0xffffffffu, 0xffffffffu, 0xffffffffu}, ""), {"header", "no file can hold"});
  fault(idx(0x08, {0, 0xffffffffu, 0xffffffffu, 0xffffffffu}, ""), {"header", "no file can hold"});
  fault(idx(0x0E, {0xffffffffu}, "abcdefgh"), {"promises 4294967295 values of 8 bytes", "at most 1"});
}

TEST(Gzip, SaysWhatIsWrong) {
  const Folder folder;
  const auto fault = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { read_array(folder.write("bad.gz", bytes)); }, parts);
  };
  std::string content = idx(0x08, {5000}, std::string(5000, 'a'));
  for (std::size_t i = 8; i < content.size(); ++i) content[i] = static_cast<char>(i * i * 2654435761u >> 13);
  const std::string good = gzip(content);
  fault(good.substr(0, good.size() / 2), {"bad.gz", "cut off", "byte"});
  fault(good.substr(0, good.size() - 1), {"cut off"});  // all values are there, the checksum is not
  fault(good.substr(0, 2), {"cut off"});
  std::string damaged = good;
  damaged[good.size() - 6] ^= 1;  // checksum
  fault(damaged, {"damaged", "incorrect data check"});
  damaged = good;
  damaged[good.size() - 2] ^= 1;  // length
  fault(damaged, {"damaged", "incorrect length check"});
  fault(good + "x", {"bytes after the end"});
  fault(good + good, {"byte 5008 of the unpacked data", "more bytes"});
  fault(gzip(""), {"empty"});
  fault(gzip(idx(0x08, {10}, "abc")), {"byte 11 of the unpacked data", "7 more bytes"});
}

// A bomb of 256 MB behind a header that promises little, or as much as the ratio of deflate allows: neither is kept.
TEST(Gzip, ABombIsNotUnpackedIntoMemory) {
  const Folder folder;
  const std::string zeros = gzip(std::string(std::size_t{1} << 26, '\0'), 9);
  const std::string header = gzip(idx(0x08, {16}, ""));
  const std::string bomb = folder.write("bomb.gz", header + zeros + zeros + zeros + zeros);
  const std::int64_t before = parallel::Stopwatch::peak_bytes();
  expect_error<DataError>([&] { read_array(bomb); }, {"byte 24", "more bytes"});
  const std::string liar = folder.write("liar.gz", gzip(idx(0x08, {0x7fffffffu}, std::string(100, 'x'))));
  expect_error<DataError>([&] { read_array(liar); }, {"promises 2147483647 values", "at most"});
  if (test::kPeakIsMeant) {
    EXPECT_LT(parallel::Stopwatch::peak_bytes() - before, std::int64_t{16} << 20);
  }
}

// ---- NPY

TEST(Npy, VersionsAndOrders) {
  const Folder folder;
  const std::string six = little_endian(1, 4) + little_endian(2, 4) + little_endian(3, 4) + little_endian(4, 4) +
                          little_endian(5, 4) + little_endian(6, 4);
  for (const int major : {1, 2, 3}) {
    const Array array = read_array(folder.write("c.npy", npy(npy_header("<i4", "(2, 3)"), six, major)));
    EXPECT_EQ(array.shape, (Shape{2, 3}));
    EXPECT_EQ(values<std::int32_t>(array), (std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}));
  }
  Array array = read_array(folder.write("f.npy", npy(npy_header("<i4", "(2, 3)", true), six)));
  EXPECT_EQ(values<std::int32_t>(array), (std::vector<std::int32_t>{1, 3, 5, 2, 4, 6}));
  array = read_array(folder.write("packed.npy.gz", gzip(npy(npy_header("<i4", "(6,)"), six))));
  EXPECT_EQ(array.shape, (Shape{6}));
  array = read_array(folder.write("scalar.npy", npy(npy_header("<f8", "()"), little_endian(0x3ff0000000000000u, 8))));
  EXPECT_TRUE(array.shape.empty());
  EXPECT_EQ(values<double>(array), (std::vector<double>{1.0}));
  array = read_array(folder.write("none.npy", npy(npy_header("<f8", "(0, 5)", true), "")));
  EXPECT_EQ(array.shape, (Shape{0, 5}));
}

TEST(Npy, SaysWhatIsWrong) {
  const Folder folder;
  const auto fault = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { read_array(folder.write("bad.npy", bytes)); }, parts);
  };
  const std::string four(4, 'a');
  const auto header_fault = [&](const std::string& header, const std::vector<std::string>& parts) {
    fault(npy(header, four), parts);
  };
  const std::string good = npy(npy_header("<f4", "(1,)"), four);
  fault(good.substr(0, 5), {"byte 5", "ends here"});
  fault(good.substr(0, 9), {"byte 9", "length of the NPY header"});
  fault(good.substr(0, 40), {"byte 40", "the NPY header"});
  fault(good.substr(0, good.size() - 1), {"promises 1 values of 4 bytes", "at most 0"});
  fault(good + "x", {"more bytes"});
  fault(npy(npy_header("<f4", "(1,)"), four, 4), {"NPY version 4.0", "1.0, 2.0 or 3.0"});
  fault("\x93NUMPX", {"ends here"});
  fault("\x93NUMPX\1\1aaaa", {"magic"});
  fault(npy(std::string(70000, ' '), "", 2), {"a header of 70000 bytes"});
  header_fault(npy_header("<c8", "(1,)"), {"type \"<c8\"", "real numbers"});
  header_fault(npy_header("|O", "(1,)"), {"type \"|O\""});
  header_fault(npy_header("|f4", "(1,)"), {"type \"|f4\""});
  header_fault(npy_header("<U7", "(1,)"), {"type \"<U7\""});
  header_fault(npy_header("", "(1,)"), {"type \"\""});
  header_fault("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", {"structured"});
  header_fault("{'descr': '<f4', 'fortran_order': False}", {"without all of"});
  header_fault("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", {"True or False"});
  header_fault("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", {"axis length"});
  header_fault("{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", {"expected \")\""});
  header_fault("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", {"longer than 2^63"});
  header_fault("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'colour': 1}", {"\"colour\" is unknown"});
  header_fault("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", {"comes twice"});
  header_fault("{'descr': '<f4, ", {"does not end"});
  header_fault("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", {"after the closing brace"});
  header_fault("", {"expected \"{\""});
  header_fault(npy_header("<f4", "(9223372036854775807, 4)"), {"no file can hold"});
  header_fault(npy_header("<f4", "(0, 9223372036854775807)"), {"no file can hold"});
  header_fault(npy_header("<f4", "(4611686018427387904,)"), {"promises", "at most 1"});
  fault(npy(npy_header("|b1", "(3,)"), std::string("\0\1\2", 3)), {"neither 0 nor 1", "byte"});
  fault(npy(npy_header(">u8", "(2,)"), big_endian(1, 8) + big_endian(1ull << 63, 8)), {"above 2^63 - 1"});
  fault("PK\x03\x04....", {"NPZ archive"});
}

TEST(Npy, UnsignedLongsThatFitAreExact) {
  const Folder folder;
  const std::string two = big_endian(INT64_MAX, 8) + big_endian(5, 8);
  const Array array = read_array(folder.write("u8.npy", npy(npy_header(">u8", "(2,)"), two)));
  EXPECT_EQ(array.type, "i64");
  EXPECT_EQ(values<std::int64_t>(array), (std::vector<std::int64_t>{INT64_MAX, 5}));
}

/// The array must be what a script of ours has stored: a line with the type, one with the shape, the values.
void expect_as_numpy(const Array& array, const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string type, shape, found_shape;
  std::getline(stream, type);
  std::getline(stream, shape);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  for (const std::int64_t axis : array.shape) found_shape += std::to_string(axis) + " ";
  EXPECT_EQ(array.type, type) << file;
  EXPECT_EQ(found_shape, shape) << file;
  EXPECT_TRUE(std::string(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size()) == bytes) << file;
}

// Every type, byte order, memory order and version that numpy writes, and all 65,536 float16 bit patterns: the script
// stores each array beside its values as numpy sees them, in a plain form.
TEST(Npy, AgreesWithNumpy) {
  const Folder folder;
  const std::string script = std::string(HULLSCOPE_SOURCE_DIR) + "/tests/unit/datasets_numpy.py";
  ASSERT_EQ(std::system(("/usr/bin/python3 '" + script + "' '" + folder.path() + "'").c_str()), 0);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".npy") continue;
    expect_as_numpy(read_array(entry.path().string()), entry.path().string() + ".expected");
    ++files;
  }
  EXPECT_GE(files, 200);
}

// ---- HDF5

TEST(Hdf5, AgreesWithH5py) {
  const Folder folder;
  const std::string script = std::string(HULLSCOPE_SOURCE_DIR) + "/tests/unit/datasets_hdf5.py";
  ASSERT_EQ(std::system(("/usr/bin/python3 '" + script + "' '" + folder.path() + "'").c_str()), 0);
  const std::string file = folder / "user data.h5";
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".expected") continue;
    const Array array = read_array(file + ":/group/" + entry.path().stem().string());
    expect_as_numpy(array, entry.path().string());
    EXPECT_EQ(array.file, file);
    EXPECT_EQ(array.dataset, "/group/" + entry.path().stem().string());
    ++read;
  }
  EXPECT_EQ(read, 10);
  EXPECT_EQ(std::get<Matrix<float>>(as_points(read_array(file + ":/image"))).cols(), 12);
  EXPECT_EQ(read_array(file + ":/nothing").shape, (Shape{0, 5}));

  const auto fault = [&](const std::string& name, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { as_points(read_array(name)); }, parts);
  };
  fault(file, {"user data.h5", "name the data set"});
  fault(file + ":/group/longer", {"/group/longer"});
  fault(file + ":/group", {"/group"});
  fault(file + ":/text", {"/text", "text"});
  fault(file + ":/complex", {"/complex"});
  fault(file + ":/huge", {"/huge"});
  fault(file + ":/nan", {"/nan", "row 0, column 1", "NaN"});
  fault(file + ":/liar", {"/liar", "8000000000000 bytes", "0 are stored"});
  fault(folder.write("fake.h5", "not HDF5") + ":/x", {"fake.h5"});
}

// The same numbers have the same digest, whichever file they came in.
TEST(Hdf5, DigestIsOfTheContent) {
  const Folder folder;
  const std::string script =
      "import h5py,numpy as n,sys; a=n.arange(6,dtype=n.float32).reshape(2,3);"
      "h5py.File(sys.argv[1]+'/a.h5','w')['x']=a; n.save(sys.argv[1]+'/a.npy',n.asfortranarray(a))";
  ASSERT_EQ(std::system(("/usr/bin/python3 -c \"" + script + "\" '" + folder.path() + "'").c_str()), 0);
  EXPECT_EQ(read_array(folder / "a.h5" + ":/x").digest, read_array(folder / "a.npy").digest);
  EXPECT_EQ(read_array(folder / "a.npy").digest, store::dataset_digest(folder / "a.h5", "/x"));
}

// ---- names

TEST(ArrayNames, FilesThatAreNotThere) {
  const Folder folder;
  expect_error<DataError>([&] { read_array(folder / "nothing.npy"); }, {"nothing.npy", "no such file"});
  expect_error<DataError>([&] { read_array(folder / "nothing.h5:/x"); }, {"nothing.h5"});
  expect_error<DataError>([&] { read_array(folder.path()); }, {"folder"});
  expect_error<DataError>([&] { read_array(""); }, {"no such file"});
  expect_error<DataError>([&] { read_array("/dev/null"); }, {"plain file"});
  expect_error<DataError>([&] { read_array(folder.write("t.h5", "\x89HDF\r\n\x1a\n")); }, {"name the data set"});
}

// ---- points and labels

TEST(AsPoints, ChoosesTheNarrowestExactType) {
  const Folder folder;
  const auto points = [&](const std::string& bytes) { return as_points(read_array(folder.write("p.npy", bytes))); };
  EXPECT_TRUE(std::holds_alternative<Matrix<float>>(points(npy(npy_header("|u1", "(2, 2)"), "abcd"))));
  EXPECT_TRUE(std::holds_alternative<Matrix<double>>(points(npy(npy_header("<f8", "(1, 1)"), little_endian(0, 8)))));
  const auto small = points(npy(npy_header("<i4", "(1, 1)"), little_endian(1 << 24, 4)));
  EXPECT_EQ(std::get<Matrix<float>>(small)(0, 0), 16777216.0f);
  const auto large = points(npy(npy_header("<i4", "(1, 1)"), little_endian((1 << 24) + 1, 4)));
  EXPECT_EQ(std::get<Matrix<double>>(large)(0, 0), 16777217.0);
  const auto most = points(npy(npy_header("<i8", "(1, 1)"), little_endian(1ull << 53, 8)));
  EXPECT_EQ(std::get<Matrix<double>>(most)(0, 0), 0x1p53);
  expect_error<DataError>(
      [&] { points(npy(npy_header("<i8", "(1, 2)"), little_endian(0, 8) + little_endian((1ull << 53) + 1, 8))); },
      {"row 0, column 1", "9007199254740993", "2^53"});
  const auto image = points(npy(npy_header("|u1", "(2, 3, 4)"), std::string(24, 'a')));
  EXPECT_EQ(std::get<Matrix<float>>(image).rows(), 2);
  EXPECT_EQ(std::get<Matrix<float>>(image).cols(), 12);
  const auto line = points(npy(npy_header("|u1", "(5,)"), "abcde"));
  EXPECT_EQ(std::get<Matrix<float>>(line).cols(), 1);
  const auto nothing = points(npy(npy_header("<f8", "(0, 3)"), ""));
  EXPECT_EQ(std::get<Matrix<double>>(nothing).cols(), 3);
  const float tiny = 1e-30f, huge = 1e30f;
  std::string two(8, '\0');
  std::memcpy(two.data(), &tiny, 4);
  std::memcpy(two.data() + 4, &huge, 4);
  const auto extreme = points(npy(npy_header("<f4", "(1, 2)"), two));
  EXPECT_EQ(std::get<Matrix<float>>(extreme)(0, 0), tiny);
  EXPECT_EQ(std::get<Matrix<float>>(extreme)(0, 1), huge);
}

TEST(AsPoints, NamesTheFirstValueThatIsNotFinite) {
  const Folder folder;
  const auto fault = [&](const std::string& descr, const std::string& bytes, const std::vector<std::string>& parts) {
    expect_error<DataError>(
        [&] { as_points(read_array(folder.write("p.npy", npy(npy_header(descr, "(2, 2)"), bytes)))); }, parts);
  };
  const std::string zero = little_endian(0, 4), nan = little_endian(0x7fc00000, 4), inf = little_endian(0xff800000, 4);
  fault("<f4", zero + zero + zero + nan, {"p.npy", "row 1, column 1", "NaN"});
  fault("<f4", zero + inf + zero + nan, {"row 0, column 1", "infinite"});
  const std::string zero8 = little_endian(0, 8), nan8 = little_endian(0x7ff8000000000000u, 8);
  fault("<f8", zero8 + zero8 + nan8 + nan8, {"row 1, column 0", "NaN"});
  fault("<f2", little_endian(0x7c00, 2) + zero + little_endian(0, 2), {"row 0, column 0", "infinite"});
  expect_error<DataError>([&] { as_points(read_array(folder.write("s.npy", npy(npy_header("<f4", "()"), zero)))); },
                          {"single number"});
  expect_error<DataError>([&] { as_points(read_array(folder.write("z.npy", npy(npy_header("<f4", "(3, 0)"), "")))); },
                          {"0 coordinates"});
}

TEST(AsLabels, OneAxisOfIntegersFromZero) {
  const Folder folder;
  const auto labels = [&](const std::string& bytes) { return as_labels(read_array(folder.write("l.npy", bytes))); };
  EXPECT_EQ(labels(npy(npy_header("|u1", "(3,)"), std::string("\x00\xff\x02", 3))),
            (std::vector<std::int64_t>{0, 255, 2}));
  EXPECT_EQ(labels(npy(npy_header("<i8", "(1,)"), little_endian(1ull << 40, 8))),
            (std::vector<std::int64_t>{std::int64_t{1} << 40}));
  EXPECT_TRUE(labels(npy(npy_header("<i4", "(0,)"), "")).empty());
  expect_error<DataError>([&] { labels(npy(npy_header("|i1", "(2,)"), "\x01\xff")); }, {"label 1 is -1"});
  expect_error<DataError>([&] { labels(npy(npy_header("<f4", "(1,)"), "abcd")); }, {"type f32", "integers"});
  expect_error<DataError>([&] { labels(npy(npy_header("|u1", "(2, 1)"), "ab")); }, {"2 x 1", "one axis"});
}

// ---- CIFAR records

std::string record(int label, char fill) {
  return std::string(1, static_cast<char>(label)) + std::string(3072, fill);
}

TEST(Cifar, ReadsRecords) {
  const Folder folder;
  for (const bool packed : {false, true}) {
    const std::string bytes = record(3, 'a') + record(9, 'b') + record(0, '\xff');
    const auto records = detail::read_cifar(folder.write("batch.bin", packed ? gzip(bytes) : bytes));
    EXPECT_EQ(records.labels, (std::vector<std::int64_t>{3, 9, 0}));
    ASSERT_EQ(records.pixels.size(), 3u * 3072);
    EXPECT_EQ(records.pixels[3071], std::byte{'a'});
    EXPECT_EQ(records.pixels[3072], std::byte{'b'});
    EXPECT_EQ(records.pixels[2 * 3072], std::byte{0xff});
  }
}

TEST(Cifar, SaysWhatIsWrong) {
  const Folder folder;
  const auto fault = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { detail::read_cifar(folder.write("batch.bin", bytes)); }, parts);
  };
  fault("", {"empty", "3073"});
  fault(record(1, 'a').substr(1), {"byte 0", "3072 bytes"});
  fault(record(1, 'a') + "x", {"byte 3073", "1 bytes"});
  fault(record(1, 'a') + record(10, 'a'), {"byte 3073", "label 10", "0 to 9"});
  fault(gzip(record(1, 'a')).substr(0, 20), {"cut off"});
}

}  // namespace
}  // namespace hullscope::datasets

// An array read in runs of rows is the array that is read whole, whatever its file.
#include <hullscope/datasets/array_rows.hpp>
#include <hullscope/store/artifact.hpp>

#include "datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using test::Folder;

/// 11 rows of 3 numbers in every kind of file.
std::vector<std::string> make_files(const Folder& folder) {
  std::string values, wide;
  for (int i = 0; i < 33; ++i) {
    values += static_cast<char>(7 * i);
    wide += test::little_endian(0x3f800000ULL + static_cast<std::uint64_t>(i) * 4096, 4);
  }
  const std::string order = "'fortran_order': False, 'shape': (11, 3), }",
                    fortran = "'fortran_order': True, 'shape': (11, 3), }";
  std::vector<std::string> names = {folder.write("bytes.npy", test::npy("{'descr': '|u1', " + order, values)),
                                    folder.write("floats.npy", test::npy("{'descr': '<f4', " + order, wide)),
                                    folder.write("signed.npy", test::npy("{'descr': '|i1', " + order, values)),
                                    folder.write("fortran.npy", test::npy("{'descr': '<f4', " + fortran, wide)),
                                    folder.write("idx", test::idx(0x08, {11, 3}, values))};
  const std::string command =
      "/usr/bin/python3 -c 'import h5py,numpy as n,sys; "
      "h5py.File(sys.argv[1]+\"/a.h5\",\"w\")[\"x\"]=n.load(sys.argv[1]+\"/floats.npy\")' '" +
      folder.path() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  names.push_back(folder / "a.h5" + ":/x");
  return names;
}

TEST(ArrayRows, AreThoseOfTheWholeArray) {
  const Folder folder;
  for (const std::string& name : make_files(folder)) {
    const Array whole = read_array(name);
    EXPECT_EQ(digest_of_array(name), whole.digest) << name;
    const std::size_t width = whole.bytes.size() / 11;
    for (const auto& [skipped, count] : {std::pair{0, 11}, {0, 4}, {5, 6}, {3, 0}, {10, 1}, {11, 0}}) {
      ArrayRows rows(name);
      EXPECT_EQ(rows.rows(), 11);
      EXPECT_EQ(rows.row_values(), 3);
      EXPECT_EQ(rows.header().type, whole.type);
      rows.skip(skipped);
      const Array piece = rows.next(count);
      EXPECT_EQ(piece.shape, (std::vector<std::int64_t>{count, 3}));
      ASSERT_EQ(piece.bytes.size(), static_cast<std::size_t>(count) * width) << name;
      EXPECT_TRUE(
          std::equal(piece.bytes.begin(), piece.bytes.end(),
                     whole.bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(skipped) * width)))
          << name << ", rows from " << skipped;
    }
    ArrayRows rows(name);
    rows.skip(2);
    rows.next(3);
    rows.skip(1);
    const Array last = rows.next(5);
    EXPECT_TRUE(
        std::equal(last.bytes.begin(), last.bytes.end(), whole.bytes.begin() + static_cast<std::ptrdiff_t>(6 * width)));
  }
}

TEST(ArrayRows, FaultsAreSentences) {
  const Folder folder;
  const std::string shape = "'fortran_order': False, 'shape': (11, 3), }";
  const std::string cut = folder.write("cut.npy", test::npy("{'descr': '<f4', " + shape, std::string(90, 'x')));
  EXPECT_THROW(ArrayRows{cut}, DataError);
  const std::string more = folder.write("more.npy", test::npy("{'descr': '|u1', " + shape, std::string(40, 'x')));
  ArrayRows rows(more);
  rows.skip(10);
  EXPECT_THROW(rows.next(1), DataError);
  EXPECT_THROW(ArrayRows{folder / "missing.npy"}, DataError);
  const std::string one =
      folder.write("one.npy", test::npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "x"));
  EXPECT_THROW(ArrayRows{one}, DataError);
}

}  // namespace
}  // namespace hullscope::datasets

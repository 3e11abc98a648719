#include <algorithm>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/readers.hpp>

namespace hullscope::datasets::detail {

CifarRecords read_cifar(const std::string& path) {
  constexpr std::size_t kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;
  ByteSource source(path);
  source.keep_digest();
  CifarRecords records;
  if (!source.packed()) {
    records.pixels.reserve(source.most_left() / kRecord * kPixels);
    records.labels.reserve(source.most_left() / kRecord);
  }
  std::vector<std::byte> record(kRecord);
  for (;;) {
    const std::uint64_t first = source.position();
    const std::size_t n = source.read(record.data(), kRecord);
    if (n == 0 && first == 0) throw DataError(path, "", "the file is empty; expected records of 3073 bytes");
    if (n == 0) break;
    if (n < kRecord)
      throw DataError(path, source.place(first),
                      "the last record has " + std::to_string(n) +
                          " bytes; expected whole records of 3073 (a label and 3 x 32 x 32 pixels)");
    const auto label = static_cast<int>(record[0]);
    if (label > 9)
      throw DataError(path, source.place(first),
                      "label " + std::to_string(label) +
                          "; expected 0 to 9 (this is the format of CIFAR-10's "
                          "binary version; that of CIFAR-100 and of Python differ)");
    records.labels.push_back(label);
    records.pixels.insert(records.pixels.end(), record.begin() + 1, record.end());
  }
  records.digest = source.digest();
  return records;
}

}  // namespace hullscope::datasets::detail

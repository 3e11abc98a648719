// Bytes of a file, unpacked on the way if it is gzip, with the place of every fault.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace hullscope::datasets::detail {

/// Reads a file once, from front to back. Gzip is told by the file's first two bytes, not by its name.
/// Memory: a few buffers of 64 KB, whatever the file holds.
class ByteSource {
 public:
  /// Throws DataError if there is no such file or it is not a plain file, EnvironmentError if it cannot be read.
  explicit ByteSource(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& file() const;
  bool packed() const;             ///< gzip
  std::uint64_t position() const;  ///< bytes given out so far, after unpacking
  /// "byte 16" or "byte 16 of the unpacked data": for the `place` of a DataError.
  std::string place(std::uint64_t position) const;
  /// No more than so many bytes can come: exact for a plain file; deflate packs at most 1032 bytes into one.
  std::uint64_t most_left() const;
  /// Up to `size` bytes; fewer only at the end of the data. Throws DataError on a damaged or cut gzip stream.
  std::size_t read(void* out, std::size_t size);
  /// Exactly `size` bytes of `what` ("the header"), or DataError with the place where the data ended.
  void require(void* out, std::size_t size, const std::string& what);
  /// Passes over `size` bytes, which must be there; a plain file is not read for it. Not with keep_digest().
  void skip(std::uint64_t size);
  /// Throws DataError unless the data ends here, `after` what was read ("60000 x 28 x 28 values").
  void expect_end(const std::string& after);
  /// SHA-256 of all unpacked bytes given out. Call once, at the end; needs keep_digest() before the first read.
  void keep_digest();
  std::string digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of a file's bytes after unpacking (of the bytes themselves, if it is not gzip), and their number.
std::string unpacked_digest(const std::string& path, std::uint64_t* size = nullptr);

/// Throws EnvironmentError if `bytes` is more than this machine's memory; `what` begins the sentence.
void require_memory(double bytes, const std::string& what);

}  // namespace hullscope::datasets::detail

// SHA-256, as content digests, option hashes and task keys use it.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hullscope {

/// Incremental SHA-256.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void update(const void* bytes, std::size_t size);
  /// Adds the length (8 bytes, little-endian) and then the bytes, so that concatenations stay apart.
  void update_text(std::string_view text);
  /// Ends the digest: 64 lower-case hexadecimal digits. Call once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of the text's bytes, in hexadecimal.
std::string sha256(std::string_view text);

/// SHA-256 of a file's bytes. Throws EnvironmentError if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace hullscope

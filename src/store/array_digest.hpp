// The digest of an array whose values come in pieces.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/base/digest.hpp>

namespace hullscope::store {

/// array_digest() of values that come in pieces, in C order.
class ArrayDigest {
 public:
  ArrayDigest(const std::string& type_name, const std::vector<std::int64_t>& shape);
  void add(const void* bytes, std::size_t size) { digest_.update(bytes, size); }
  std::string hex() { return digest_.hex(); }  ///< once

 private:
  Digest digest_;
};

}  // namespace hullscope::store

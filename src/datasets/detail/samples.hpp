// One split of a set as it is read or made, before it is shared between ranks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/datasets/labelled_set.hpp>

namespace hullscope::datasets::detail {

struct Samples {
  bool pixels = false;                     ///< uint8, else float32
  std::vector<std::int64_t> sample_shape;  ///< {channels, height, width} or {d}
  std::int64_t classes = 0;
  std::vector<std::byte> values;     ///< N x d, C order
  std::vector<std::int64_t> labels;  ///< N, each in [0, classes)
  std::int64_t features() const {
    std::int64_t d = 1;
    for (const std::int64_t axis : sample_shape) d *= axis;
    return d;
  }
};

/// What load() shares: the split, read or made in this process. Not collective. Throws as load() does.
Samples read_split(const SetRequest& request);

}  // namespace hullscope::datasets::detail

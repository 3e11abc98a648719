// How array.cpp and array_rows.cpp take a name apart and read HDF5.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <hullscope/store/artifact.hpp>

namespace hullscope::datasets::detail {

/// Splits "file.h5:/path" at the first ":/" whose left side is a file (else at the first one). No path: "".
std::pair<std::string, std::string> split_name(const std::string& name);
/// "u8", "i32", "i64", "f32" or "f64"; DataError for a text.
std::string type_name(store::Type type, const std::string& file, const std::string& dataset);
/// Rows [first, first + count) of a data set, in its own type.
std::vector<std::byte> read_hdf5_rows(const store::ArtifactReader& reader, const std::string& dataset,
                                      std::int64_t first, std::int64_t count);

}  // namespace hullscope::datasets::detail

// An open file against the table of formats, and where dimension scales stand. Private to store/.
#pragma once
#include <hdf5.h>

#include <functional>
#include <string>
#include <vector>

#include <hullscope/store/schema.hpp>

namespace hullscope::store::detail {

std::vector<std::string> split_names(std::string_view dimensions);  ///< "sample,feature" -> {"sample", "feature"}
std::string group_of(const std::string& path);                      ///< "/train/logit" -> "/train", "/epoch" -> ""
std::string name_of(const std::string& path);                       ///< "/train/logit" -> "logit"

/// The scale of a dimension: in the data set's own group or the nearest one above. "" if there is none.
std::string scale_path(const std::string& dataset, const std::string& dimension,
                       const std::function<bool(const std::string&)>& exists);

/// One sentence per fault: missing or unknown data sets, types, dimensions, scales, units and long_name.
std::vector<std::string> schema_faults(hid_t file, const std::string& file_name, const Format& format);

}  // namespace hullscope::store::detail

// What `verify` judges a hull file by: the arrays that it names; and what is judged of the file as a whole.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <hullscope/base/matrix.hpp>

#include "hull_file.hpp"

namespace hullscope::jobs {

/// Arrays that the user names in place of those that the file names; "" for the file's own.
struct GivenArrays {
  std::string points, queries, subset, labels, left_out;
};

/// Everything that verdicts are judged by.
struct HullData {
  std::variant<Matrix<float>, Matrix<double>> points, queries;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> labels;    ///< of the points, where the file has class hulls
  std::vector<std::int64_t> left_out;  ///< the row that each query is, and is asked without; or empty

  static PointsView view_of(const std::variant<Matrix<float>, Matrix<double>>& matrix) {
    return std::visit([](const auto& m) { return PointsView(view(m)); }, matrix);
  }
};

/// Reads the arrays, and adds a sentence to `integrity` for each whose digest is not the one that the file states.
/// Throws UsageError for one that is not there.
HullData read_hull_data(const std::string& path, const HullFile& file, const GivenArrays& given,
                        std::vector<std::string>& integrity);

/// Sentences about what is false of the file as a whole: its size, its coordinates, who takes part, and the sample ids,
/// where the queries' file has them. Verdicts can be judged only if there are none.
std::vector<std::string> false_frame(const std::string& path, const HullFile& file, const HullData& data,
                                     const GivenArrays& given);

/// ... about the root attributes that sum the file up, as far as it has them: they must follow from the verdicts and
/// the data.
std::vector<std::string> false_summary(const HullFile& file, const HullData& data);

}  // namespace hullscope::jobs

// The arrays of results.h5 in the making: filled by the ranks that own their trials, then shared and written.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::jobs {

/// Named arrays over named dimensions; shapes come from the format's table. Numbers are held as doubles (counts stay
/// far below 2^53). Everything starts as 0; what a trial's owner does not know it sets to NaN, so that the sum over
/// ranks is exact: all but one of the terms are 0.
class ResultsTable {
 public:
  /// sizes: by name of the dimension, for example {"network", 2}.
  ResultsTable(std::string stage, std::map<std::string, std::int64_t> sizes);
  std::int64_t size(const std::string& dimension) const;
  double& at(const std::string& path, std::initializer_list<std::int64_t> index);
  /// Values of `path` for all indices of the last dimension.
  std::vector<double> last_axis(const std::string& path, std::initializer_list<std::int64_t> leading);
  /// Adds all ranks' values. Collective; the same paths must have been touched, or are made, on every rank.
  void share(const parallel::Comm& comm);
  /// Writes every required array of the format that is not a scale or text, and the optional ones that were touched.
  /// Collective.
  void write(store::ArtifactWriter& writer);

 private:
  struct Array {
    std::vector<std::int64_t> shape;
    bool integer;
    std::vector<double> values;
  };
  Array& array(const std::string& path);
  std::size_t offset(const std::string& path, const Array& array, std::initializer_list<std::int64_t> index) const;

  std::string stage_;
  std::map<std::string, std::int64_t> sizes_;
  std::map<std::string, Array> arrays_;
};

}  // namespace hullscope::jobs

// What an ArtifactWriter holds, in two steps. While ranks write (artifact_writer.cpp), the file under its temporary
// name holds only numbers, written by all of them through parallel HDF5. At publication (publication.cpp) the ranks
// close it, and rank 0 alone adds what is small (texts, scales, attributes), digests the content, and gives the file
// its name. Private to store/.
#pragma once
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

#include "file_in_progress.hpp"
#include "hdf5.hpp"
#include "schema_check.hpp"

namespace hullscope::store {

namespace detail {

/// A data set of the file in the making.
struct Entry {
  const Field* field = nullptr;  ///< of the table; nullptr for an index scale of our own
  Type type = Type::i64;
  std::vector<std::int64_t> shape;
  std::vector<std::string> dimensions;  ///< empty names until publication for "*"
  std::int64_t elements_written = 0;    ///< this rank's
  bool in_file = false;                 ///< written by all ranks; else held by rank 0 until publication
  std::string bytes;
  std::vector<std::string> texts;

  bool is_scale(const std::string& path) const { return dimensions.size() == 1 && dimensions[0] == name_of(path); }
};

inline constexpr std::int64_t kMetadata = 64 << 10;  ///< bytes that a file holds beside its data sets, and some more

}  // namespace detail

struct ArtifactWriter::State {
  parallel::Comm comm;
  std::string path;
  Provenance provenance;
  const Format& format;
  std::optional<detail::FileInProgress> in_progress;  ///< rank 0's
  std::string temporary;
  detail::Handle file;
  int deflate = 0;
  int exceptions = std::uncaught_exceptions();
  std::int64_t needed = 0;  ///< bytes of the data sets so far
  std::map<std::string, detail::Entry> entries;
  std::map<std::string, detail::Handle> open_datasets;
  std::map<std::string, std::map<std::string, detail::AttributeValue>> attributes;

  State(const parallel::Comm& c, std::string p, Provenance from)
      : comm(c), path(std::move(p)), provenance(std::move(from)), format(format_of(provenance.stage)) {}

  // ------------------------------------------------------------------------------------------- while ranks write
  void open();
  void agree(const std::string& error);
  void reserve(std::int64_t more);
  void close_file(bool collectively);
  detail::Entry& enter(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape,
                       const std::string& dimensions);
  void write_rows(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape, std::int64_t first,
                  const void* data, std::size_t size);
  bool write_block(hid_t dataset, const detail::Entry& entry, std::int64_t first, std::int64_t count,
                   const void* data) const;
  std::string cannot_write(const std::string& dataset) const {
    return "cannot write " + path + (dataset.empty() ? "" : " (" + dataset + ")") + ": " + detail::first_error() +
           "; free some space, or choose another output folder";
  }
  // ---------------------------------------------------------------------------------- at publication, rank 0 only
  std::string finish(const RunRecord& run, const std::set<std::string>& hosts);
  void need(bool done, const std::string& dataset) {
    if (done) return;
    const std::string sentence = cannot_write(dataset);
    in_progress.reset();  // before handles close on the way out: closing writes, and needs the space
    throw EnvironmentError(sentence);
  }
  void reserve_held();
  void write_held();
  std::map<std::string, std::int64_t> scale_lengths() const;
  void resolve_text_shape(const std::string& dataset, detail::Entry& entry,
                          const std::map<std::string, std::int64_t>& scales);
  void make_missing_scales(std::map<std::string, std::int64_t>& scales);
  void make_scale(const std::string& scale, std::int64_t length);
  void attach_scales();
  void write_attributes();
  void write_run(const RunRecord& run, const std::set<std::string>& hosts);
};

}  // namespace hullscope::store

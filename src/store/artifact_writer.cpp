// Two steps. While ranks write, the file under its temporary name holds only numbers, written by all of them through
// parallel HDF5. At publication the ranks close it, and rank 0 alone adds what is small (texts, scales, attributes),
// digests the content, and gives the file its name.
#include <hdf5_hl.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/base/version.hpp>
#include <hullscope/store/artifact.hpp>

#include "detail/content.hpp"
#include "detail/file_in_progress.hpp"
#include "detail/hdf5.hpp"
#include "detail/schema_check.hpp"
#include "detail/types.hpp"

namespace hullscope::store {
using namespace detail;

namespace {

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

constexpr std::int64_t kMetadata = 64 << 10;  ///< bytes that a file holds beside its data sets, and some more

/// Scales that count along a dimension need not be written by the stage.
bool counts_along(const Field* field, const std::string& dimension) {
  if (!field) return true;
  return field->type == Type::i64 &&
         (field->long_name.starts_with("index of") || dimension == "class" || dimension == "epoch");
}

}  // namespace

struct ArtifactWriter::State {
  parallel::Comm comm;
  std::string path;
  Provenance provenance;
  const Format& format;
  std::optional<FileInProgress> in_progress;  ///< rank 0's
  std::string temporary;
  Handle file;
  int deflate = 0;
  int exceptions = std::uncaught_exceptions();
  std::int64_t needed = 0;  ///< bytes of the data sets so far
  std::map<std::string, Entry> entries;
  std::map<std::string, Handle> open_datasets;
  std::map<std::string, std::map<std::string, AttributeValue>> attributes;

  State(const parallel::Comm& c, std::string p, Provenance from)
      : comm(c), path(std::move(p)), provenance(std::move(from)), format(format_of(provenance.stage)) {}

  // ------------------------------------------------------------------------------------------- while ranks write
  void open();
  void agree(const std::string& error);
  void reserve(std::int64_t more);
  void close_file(bool collectively);
  Entry& enter(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape,
               const std::string& dimensions);
  void write_rows(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape, std::int64_t first,
                  const void* data, std::size_t size);
  bool write_block(hid_t dataset, const Entry& entry, std::int64_t first, std::int64_t count, const void* data) const;
  std::string cannot_write(const std::string& dataset) const {
    return "cannot write " + path + (dataset.empty() ? "" : " (" + dataset + ")") + ": " + first_error() +
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
  void resolve_text_shape(const std::string& dataset, Entry& entry, const std::map<std::string, std::int64_t>& scales);
  void make_missing_scales(std::map<std::string, std::int64_t>& scales);
  void make_scale(const std::string& scale, std::int64_t length);
  void attach_scales();
  void write_attributes();
  void write_run(const RunRecord& run, const std::set<std::string>& hosts);
};

// ------------------------------------------------------------------------------------------------ while ranks write

/// One rank's error is every rank's: collective. After it the file is closed and gone on all of them.
void ArtifactWriter::State::agree(const std::string& error) {
  if (!comm.any(!error.empty())) return;
  in_progress.reset();  // before the others close it: closing writes, and needs the space
  std::string first;
  for (const std::string& each : comm.gather(error))
    if (first.empty()) first = each;
  close_file(true);
  throw EnvironmentError(first);
}

/// Closing is collective where several ranks write. Alone, a rank must leave the file open: MPI ends it.
void ArtifactWriter::State::close_file(bool collectively) {
  for (auto& [name, dataset] : open_datasets) {
    if (!collectively) dataset.leak();
    dataset.reset();
  }
  open_datasets.clear();
  if (!collectively) file.leak();
  file.reset();
}

/// Takes the space of all data sets so far and `more` bytes from the file system, where it can: collective. A full disk
/// is then met here, on rank 0, and not by HDF5 on some ranks while the others wait for them.
void ArtifactWriter::State::reserve(std::int64_t more) {
  needed += more;
  std::string error;
  try {
    if (comm.root()) in_progress->reserve(static_cast<std::uint64_t>(needed + kMetadata));
  } catch (const EnvironmentError& e) {
    error = e.what();
  }
  agree(error);
}

void ArtifactWriter::State::open() {
  std::string error;
  try {
    if (comm.root()) temporary = in_progress.emplace(path).path();
  } catch (const EnvironmentError& e) {
    error = e.what();
  }
  agree(error);
  temporary = comm.broadcast(temporary);
  reserve(0);
  const Handle access = file_access();
  if (comm.size() > 1) H5Pset_fapl_mpio(access.get(), *static_cast<MPI_Comm*>(comm.native()), MPI_INFO_NULL);
  file = create_file(temporary, access.get());
  agree(file ? "" : cannot_write(""));
}

Entry& ArtifactWriter::State::enter(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape,
                                    const std::string& dimensions) {
  const auto fail = [&](const std::string& what) {
    throw InternalError(dataset + " of stage " + provenance.stage + " " + what);
  };
  const Field* const field = find_field(format, dataset);
  if (!field) fail("is not in the table of formats");
  if (field->type != type) fail(std::string("is ") + type_name(field->type) + " in the table, not " + type_name(type));
  std::string names(field->dimensions);
  if (names == "*") names = dimensions;
  if (product(shape) < 0) fail("is written with an impossible shape");
  Entry entry{.field = field, .type = type, .shape = shape, .dimensions = split_names(names), .bytes = {}, .texts = {}};
  if (names.empty() && field->dimensions == "*") entry.dimensions.resize(shape.size());
  if (type != Type::text && entry.dimensions.size() != shape.size())
    fail("is written with " + std::to_string(shape.size()) + " dimensions; the table has \"" + names + "\"");
  const auto [it, is_new] = entries.try_emplace(dataset, std::move(entry));
  if (!is_new && (it->second.shape != shape || !it->second.in_file)) fail("is written twice");
  return it->second;
}

bool ArtifactWriter::State::write_block(hid_t dataset, const Entry& entry, std::int64_t first, std::int64_t count,
                                        const void* data) const {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  std::vector<hsize_t> start(entry.shape.size(), 0), size(entry.shape.begin(), entry.shape.end());
  start[0] = static_cast<hsize_t>(first);
  size[0] = static_cast<hsize_t>(count);
  const std::int64_t elements = count * (product(entry.shape) / std::max<std::int64_t>(1, entry.shape[0]));
  const Handle memory = make_space({elements});
  if (elements == 0) {
    H5Sselect_none(space.get());
    H5Sselect_none(memory.get());
  } else {
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
  }
  // Each rank writes its rows for itself: they are contiguous, and Open MPI 4.1's collective write reports success, or
  // hangs, when one rank's part fails. Filtered chunks that ranks share must be written together.
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  if (comm.size() > 1 && deflate > 0) H5Pset_dxpl_mpio(transfer.get(), H5FD_MPIO_COLLECTIVE);
  static const char nothing = 0;
  return H5Dwrite(dataset, memory_type(entry.type), memory.get(), space.get(), transfer.get(),
                  data ? data : &nothing) >= 0;
}

void ArtifactWriter::State::write_rows(const std::string& dataset, Type type, const std::vector<std::int64_t>& shape,
                                       std::int64_t first, const void* data, std::size_t size) {
  if (shape.empty()) throw InternalError(dataset + " is a scalar; write() takes it");
  Entry& entry = enter(dataset, type, shape, "");
  const std::int64_t total = product(shape), row = shape[0] > 0 ? total / shape[0] : 0;
  const auto elements = static_cast<std::int64_t>(size);
  const std::int64_t count = row > 0 ? elements / row : 0;
  if (count * row != elements || first < 0 || first + count > shape[0])
    throw InternalError("rows " + std::to_string(first) + " to " + std::to_string(first + count) + " of " + dataset +
                        " do not fit its shape");
  clear_errors();
  if (!entry.in_file) {
    Handle made = create_dataset(file.get(), dataset, file_type(type), shape, deflate);
    agree(made ? "" : cannot_write(dataset));
    const std::int64_t bytes = total * static_cast<std::int64_t>(type_size(type));
    const auto stored = static_cast<std::int64_t>(H5Dget_storage_size(made.get()));
    reserve(std::max(stored, deflate > 0 ? bytes + bytes / 64 : 0));
    open_datasets[dataset] = std::move(made);
    entry.in_file = true;
  }
  entry.elements_written += elements;
  // In blocks: MPI counts in 32 bits.
  const std::int64_t row_bytes = std::max<std::int64_t>(1, row * static_cast<std::int64_t>(type_size(type)));
  const std::int64_t block = std::max<std::int64_t>(1, (std::int64_t{256} << 20) / row_bytes);
  const std::int64_t rounds = comm.max((count + block - 1) / block);
  for (std::int64_t r = 0; r < rounds; ++r) {
    const std::int64_t at = std::min(r * block, count), n = std::min(block, count - at);
    const auto* const from = static_cast<const char*>(data) + at * row_bytes;
    const bool done = write_block(open_datasets[dataset].get(), entry, first + at, n, n > 0 ? from : nullptr);
    agree(done ? "" : cannot_write(dataset));
  }
}

// --------------------------------------------------------------------------------------- at publication, rank 0 only

/// The space of what is still to be written, so that a full disk is met here and not half-way through HDF5.
void ArtifactWriter::State::reserve_held() {
  for (const auto& [dataset, entry] : entries) {
    needed += 4096;  // its metadata: object header, attributes
    const auto bytes = static_cast<std::int64_t>(entry.bytes.size());
    if (!entry.in_file) needed += bytes > kChunkBytes ? bytes + kChunkBytes : bytes;
    for (const std::string& text : entry.texts) needed += static_cast<std::int64_t>(text.size() + 64);
  }
  for (const auto& [object, values] : attributes)
    for (const auto& [name, value] : values)
      if (const auto* text = std::get_if<std::string>(&value)) needed += static_cast<std::int64_t>(text->size());
  needed += static_cast<std::int64_t>(provenance.study_toml.size());
  in_progress->reserve(static_cast<std::uint64_t>(needed + kMetadata));
}

void ArtifactWriter::State::write_held() {
  for (auto& [dataset, entry] : entries) {
    if (entry.in_file) continue;
    const bool text = entry.type == Type::text;
    const Handle type = text ? text_type() : Handle(H5Tcopy(file_type(entry.type)), H5Tclose);
    const Handle made = create_dataset(file.get(), dataset, type.get(), entry.shape, text ? 0 : deflate);
    need(static_cast<bool>(made), dataset);
    const bool empty = product(entry.shape) == 0;
    need(text ? write_text_dataset(made.get(), entry.texts)
              : empty || H5Dwrite(made.get(), memory_type(entry.type), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                  entry.bytes.data()) >= 0,
         dataset);
  }
}

std::map<std::string, std::int64_t> ArtifactWriter::State::scale_lengths() const {
  std::map<std::string, std::int64_t> lengths;
  for (const auto& [dataset, entry] : entries)
    if (entry.is_scale(dataset)) lengths[dataset] = entry.shape[0];
  return lengths;
}

/// write_text() is given no shape: a text of several dimensions has that of its scales.
void ArtifactWriter::State::resolve_text_shape(const std::string& dataset, Entry& entry,
                                               const std::map<std::string, std::int64_t>& scales) {
  if (entry.dimensions.size() < 2) return;
  entry.shape.clear();
  for (const std::string& dimension : entry.dimensions) {
    const auto scale = scale_path(dataset, dimension, [&](const std::string& p) { return scales.contains(p); });
    if (scale.empty()) throw InternalError(dataset + " needs the scale " + dimension + ", which was not written");
    entry.shape.push_back(scales.at(scale));
  }
  if (product(entry.shape) != static_cast<std::int64_t>(entry.texts.size()))
    throw InternalError(dataset + " has " + std::to_string(entry.texts.size()) + " texts, its scales make " +
                        std::to_string(product(entry.shape)));
}

void ArtifactWriter::State::make_scale(const std::string& scale, std::int64_t length) {
  const Field* const field = find_field(format, scale);
  if (!counts_along(field, name_of(scale)))
    throw InternalError("the scale " + scale + " of stage " + provenance.stage + " was not written");
  Entry entry{
      .field = field, .type = Type::i64, .shape = {length}, .dimensions = {name_of(scale)}, .bytes = {}, .texts = {}};
  const std::int64_t start = name_of(scale) == "epoch" ? 1 : 0;
  for (std::int64_t i = 0; i < length; ++i) {
    const std::int64_t value = start + i;
    entry.bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  entries[scale] = std::move(entry);
}

/// Where the table lists the scale, there; else beside the data set.
void ArtifactWriter::State::make_missing_scales(std::map<std::string, std::int64_t>& scales) {
  std::vector<std::string> datasets;
  for (const auto& [dataset, entry] : entries) datasets.push_back(dataset);
  for (const std::string& dataset : datasets) {
    const std::vector<std::int64_t> shape = entries[dataset].shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      std::string& dimension = entries[dataset].dimensions[axis];
      if (dimension.empty()) dimension = "axis" + std::to_string(axis) + "_" + std::to_string(shape[axis]);
      auto scale = scale_path(dataset, dimension, [&](const std::string& p) { return scales.contains(p); });
      if (scale.empty()) {
        const auto listed = [&](const std::string& p) {
          return find_field(format, p) && find_field(format, p)->path == p;
        };
        scale = scale_path(dataset, dimension, listed);
        if (scale.empty()) scale = group_of(dataset) + "/" + dimension;
        make_scale(scale, shape[axis]);
        scales[scale] = shape[axis];
      }
      if (scales.at(scale) != shape[axis])
        throw InternalError(dataset + " has length " + std::to_string(shape[axis]) + " along " + dimension +
                            ", its scale " + scale + " has " + std::to_string(scales.at(scale)));
    }
  }
}

void ArtifactWriter::State::attach_scales() {
  std::map<std::string, Handle> scales;
  for (const auto& [dataset, entry] : entries) {
    if (!entry.is_scale(dataset)) continue;
    Handle scale(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
    need(scale && H5DSset_scale(scale.get(), name_of(dataset).c_str()) >= 0, dataset);
    scales[dataset] = std::move(scale);
  }
  for (const auto& [dataset, entry] : entries) {
    if (scales.contains(dataset)) continue;
    const Handle opened(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
    for (unsigned axis = 0; axis < entry.dimensions.size(); ++axis) {
      const auto scale =
          scale_path(dataset, entry.dimensions[axis], [&](const std::string& p) { return scales.contains(p); });
      need(H5DSattach_scale(opened.get(), scales.at(scale).get(), axis) >= 0, dataset);
    }
  }
}

void ArtifactWriter::State::write_attributes() {
  for (const auto& [dataset, entry] : entries) {
    attributes[dataset]["units"] = std::string(entry.field ? entry.field->units : "1");
    attributes[dataset]["long_name"] =
        std::string(entry.field ? entry.field->long_name : "index along " + name_of(dataset));
  }
  nlohmann::json inputs = nlohmann::json::object();
  for (const auto& [role, input] : provenance.inputs) inputs[role] = input.digest;
  auto& root = attributes["/"];
  root["format"] = std::string("hullscope");
  root["format_version"] = std::string(kFormatVersion);
  root["stage"] = provenance.stage;
  root["study_toml"] = provenance.study_toml;
  root["options_hash"] = provenance.options_hash;
  root["inputs"] = inputs.dump();
  root["seed"] = provenance.seed;
  root["task_key"] = provenance.task_key;
  for (const auto& [path_inside, values] : attributes) {
    const Handle object(H5Oopen(file.get(), path_inside.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object) throw InternalError("an attribute was set on " + path_inside + ", which was not written");
    for (const auto& [name, value] : values) need(write_attribute(object.get(), name, value), path_inside);
  }
}

/// The time of publication, or SOURCE_DATE_EPOCH (reproducible-builds.org), for files of equal bytes.
static std::string now_in_words() {
  const char* const fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now = fixed ? static_cast<std::time_t>(std::atoll(fixed)) : std::time(nullptr);
  char text[32];
  std::tm utc;
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
  return text;
}

void ArtifactWriter::State::write_run(const RunRecord& run, const std::set<std::string>& hosts) {
  nlohmann::json paths = nlohmann::json::object();
  for (const auto& [role, input] : provenance.inputs) paths[role] = input.path;
  const char* const job = std::getenv("SLURM_JOB_ID");
  const std::vector<std::pair<std::string, AttributeValue>> values = {{"software_version", software_version()},
                                                                      {"created", now_in_words()},
                                                                      {"ranks", static_cast<std::int64_t>(comm.size())},
                                                                      {"hosts", join({hosts.begin(), hosts.end()})},
                                                                      {"slurm_job_id", std::string(job ? job : "")},
                                                                      {"instruction_set", instruction_set()},
                                                                      {"wall_seconds", run.wall_seconds},
                                                                      {"cpu_seconds", run.cpu_seconds},
                                                                      {"peak_bytes", run.peak_bytes},
                                                                      {"input_paths", paths.dump()}};
  need(make_groups(file.get(), "/run/"), "/run");
  const Handle group(H5Gopen2(file.get(), "/run", H5P_DEFAULT), H5Gclose);
  for (const auto& [name, value] : values) need(write_attribute(group.get(), name, value), "/run");
  for (const auto& [name, value] : run.more) need(write_attribute(group.get(), name, value), "/run");
}

std::string ArtifactWriter::State::finish(const RunRecord& run, const std::set<std::string>& hosts) {
  auto scales = scale_lengths();
  for (auto& [dataset, entry] : entries)
    if (entry.type == Type::text) resolve_text_shape(dataset, entry, scales);
  make_missing_scales(scales);
  reserve_held();
  clear_errors();
  if (!file) file = Handle(H5Fopen(temporary.c_str(), H5F_ACC_RDWR, file_access().get()), H5Fclose);
  need(static_cast<bool>(file), "");
  write_held();
  attach_scales();
  write_attributes();
  need(H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0, "");
  if (const auto faults = schema_faults(file.get(), path, format); !faults.empty()) throw InternalError(faults[0]);
  const std::string digest = content_digest_of(file.get(), path);
  const Handle root(H5Gopen2(file.get(), "/", H5P_DEFAULT), H5Gclose);
  need(write_attribute(root.get(), "content_digest", digest), "/");
  write_run(run, hosts);
  need(H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0 && file.reset(), "");
  in_progress->publish();
  return digest;
}

// ----------------------------------------------------------------------------------------------------- the interface

ArtifactWriter::ArtifactWriter(const parallel::Comm& comm, std::string path, Provenance provenance)
    : state_(std::make_unique<State>(comm, std::move(path), std::move(provenance))) {
  state_->open();
}

ArtifactWriter::~ArtifactWriter() {
  // While an exception leaves this rank, others may be in a collective call: then nothing collective here.
  if (!state_->file) return;
  state_->in_progress.reset();
  state_->close_file(state_->comm.size() == 1 || std::uncaught_exceptions() <= state_->exceptions);
}

template <class T>
void ArtifactWriter::write_rows(const std::string& path, const std::vector<std::int64_t>& shape, std::int64_t first_row,
                                std::span<const T> rows) {
  state_->write_rows(path, type_of<T>(), shape, first_row, rows.data(), rows.size());
}

template <class T>
void ArtifactWriter::write(const std::string& path, const std::vector<std::int64_t>& shape, std::span<const T> values,
                           const std::string& dimensions) {
  Entry& entry = state_->enter(path, type_of<T>(), shape, dimensions);
  if (product(shape) != static_cast<std::int64_t>(values.size()))
    throw InternalError(path + " has " + std::to_string(values.size()) + " values, its shape " +
                        std::to_string(product(shape)));
  if (state_->comm.root() && !values.empty())
    entry.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void ArtifactWriter::write_text(const std::string& path, const std::vector<std::string>& values) {
  const Field* const field = find_field(state_->format, path);
  const bool scalar = field && field->dimensions.empty();
  if (scalar && values.size() != 1) throw InternalError(path + " is one text, not " + std::to_string(values.size()));
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
  Entry& entry = state_->enter(path, Type::text, scalar ? std::vector<std::int64_t>{} : shape, "");
  entry.texts = values;
}

void ArtifactWriter::set_compression(int level) {
  state_->deflate = std::clamp(level, 0, 9);
}

void ArtifactWriter::attribute(const std::string& object, const std::string& name, double value) {
  state_->attributes[object][name] = value;
}
void ArtifactWriter::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  state_->attributes[object][name] = value;
}
void ArtifactWriter::attribute(const std::string& object, const std::string& name, const std::string& value) {
  state_->attributes[object][name] = value;
}

std::string ArtifactWriter::publish(const RunRecord& run) {
  State& s = *state_;
  if (s.temporary.empty()) throw InternalError(s.path + " was published before");
  for (const auto& [dataset, entry] : s.entries)
    if (entry.in_file && s.comm.sum(entry.elements_written) != product(entry.shape))
      throw InternalError("not every row of " + dataset + " was written, or some twice");
  const auto names = s.comm.gather(host_name());
  clear_errors();
  if (s.comm.size() > 1) {  // rank 0 goes on alone; the flush syncs every rank's part to the file system
    const bool flushed = H5Fflush(s.file.get(), H5F_SCOPE_GLOBAL) >= 0;
    s.agree(flushed ? "" : s.cannot_write(""));
    s.open_datasets.clear();
    s.agree(s.file.reset() ? "" : s.cannot_write(""));
  }
  s.open_datasets.clear();
  std::string outcome;  // a digest, or a sentence after the mark of its kind
  if (s.comm.root()) {
    try {
      outcome = s.finish(run, {names.begin(), names.end()});
    } catch (const EnvironmentError& error) {
      outcome = std::string("E") + error.what();
    } catch (const std::exception& error) {
      outcome = std::string("I") + error.what();
    }
    s.in_progress.reset();  // if it failed: gives the space back that closing needs
    s.file.reset();
  }
  s.temporary.clear();
  outcome = s.comm.broadcast(outcome);
  if (outcome[0] == 'E') throw EnvironmentError(outcome.substr(1));
  if (outcome[0] == 'I') throw InternalError(outcome.substr(1));
  return outcome;
}

#define HULLSCOPE_WRITE(T)                                                                                         \
  template void ArtifactWriter::write_rows<T>(const std::string&, const std::vector<std::int64_t>&, std::int64_t,  \
                                              std::span<const T>);                                                 \
  template void ArtifactWriter::write<T>(const std::string&, const std::vector<std::int64_t>&, std::span<const T>, \
                                         const std::string&);
HULLSCOPE_WRITE(std::uint8_t)
HULLSCOPE_WRITE(std::int32_t)
HULLSCOPE_WRITE(std::int64_t)
HULLSCOPE_WRITE(float)
HULLSCOPE_WRITE(double)
#undef HULLSCOPE_WRITE

}  // namespace hullscope::store

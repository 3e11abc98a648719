// The second step of an ArtifactWriter (writer_state.hpp), on rank 0 alone: what is small, the digest, the name.
#include <hdf5_hl.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include <hullscope/base/text.hpp>
#include <hullscope/base/version.hpp>

#include "content.hpp"
#include "writer_state.hpp"

namespace hullscope::store {
using namespace detail;

/// Scales that count along a dimension need not be written by the stage.
static bool counts_along(const Field* field, const std::string& dimension) {
  if (!field) return true;
  return field->type == Type::i64 &&
         (field->long_name.starts_with("index of") || dimension == "class" || dimension == "epoch");
}

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

}  // namespace hullscope::store

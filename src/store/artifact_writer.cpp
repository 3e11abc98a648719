// The first step of an ArtifactWriter (detail/writer_state.hpp), while ranks write, and its interface.
#include <hdf5.h>  // first: it leaves the C++ bindings of MPI out
#include <mpi.h>

#include <algorithm>

#include "detail/types.hpp"
#include "detail/writer_state.hpp"

namespace hullscope::store {
using namespace detail;

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

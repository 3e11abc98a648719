#include <hullscope/datasets/labelled_set.hpp>

#include <cstring>
#include <functional>
#include <numeric>
#include <optional>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/samples.hpp>

namespace hullscope::datasets {

/// Shared memory: N labels (int64), then N x d values.
struct LabelledSet::State {
  std::string name, digest;
  bool pixels = false;
  std::vector<std::int64_t> sample_shape;
  std::int64_t size = 0, features = 0, classes = 0;
  parallel::SharedBytes memory;

  const std::byte* values() const { return memory.bytes().data() + size * std::int64_t{sizeof(std::int64_t)}; }
  std::size_t row_bytes() const { return static_cast<std::size_t>(features) * (pixels ? 1 : sizeof(float)); }
};

std::int64_t LabelledSet::size() const {
  return state_->size;
}
std::int64_t LabelledSet::features() const {
  return state_->features;
}
const std::vector<std::int64_t>& LabelledSet::sample_shape() const {
  return state_->sample_shape;
}
std::int64_t LabelledSet::classes() const {
  return state_->classes;
}
std::int64_t LabelledSet::sample_id(std::int64_t i) const {
  return i;
}
bool LabelledSet::pixels() const {
  return state_->pixels;
}
const std::string& LabelledSet::digest() const {
  return state_->digest;
}
const std::string& LabelledSet::name() const {
  return state_->name;
}

std::int64_t LabelledSet::label(std::int64_t i) const {
  std::int64_t value;
  std::memcpy(&value, state_->memory.bytes().data() + i * std::int64_t{sizeof value}, sizeof value);
  return value;
}

void LabelledSet::copy_row(std::int64_t i, std::span<float> out) const {
  const std::byte* row = state_->values() + static_cast<std::size_t>(i) * state_->row_bytes();
  if (!state_->pixels) {
    std::memcpy(out.data(), row, state_->row_bytes());
    return;
  }
  for (std::size_t j = 0; j < out.size(); ++j) out[j] = static_cast<float>(static_cast<unsigned char>(row[j]));
}

Matrix<float> LabelledSet::rows(std::int64_t first, std::int64_t count) const {
  Matrix<float> out(count, features());
  for (std::int64_t i = 0; i < count; ++i)
    copy_row(first + i, std::span<float>(out.data() + i * features(), static_cast<std::size_t>(features())));
  return out;
}

namespace {

using detail::Samples;

/// The content digest, from the shared memory (so it is of what will be used).
std::string digest_of(const LabelledSet::State& set) {
  Digest digest;
  digest.update_text("hullscope labelled set 1");
  digest.update_text(set.pixels ? "u8" : "f32");
  const auto number = [&](std::int64_t value) { digest.update(&value, sizeof value); };
  number(set.size);
  number(set.classes);
  number(static_cast<std::int64_t>(set.sample_shape.size()));
  for (const std::int64_t axis : set.sample_shape) number(axis);
  for (std::int64_t i = 0; i < set.size; ++i) number(i);  // the sample ids
  digest.update(set.memory.bytes().data(), set.memory.bytes().size());
  return digest.hex();
}

/// Every rank throws what the root has met, with its type. Collective.
void agree(const parallel::Comm& comm, const std::string& failure) {
  const std::string all = comm.broadcast(failure);
  if (all.empty()) return;
  const std::string sentence = all.substr(1);
  if (all[0] == 'U') throw UsageError(sentence);
  if (all[0] == 'D') {
    const std::size_t colon = sentence.find(": ");  // DataError joins file and sentence by it
    throw DataError(sentence.substr(0, colon), "", sentence.substr(colon + 2));
  }
  throw EnvironmentError(sentence);
}

std::string read_and_note_failure(const SetRequest& request, std::optional<Samples>& samples) {
  try {
    samples = detail::read_split(request);
    return "";
  } catch (const UsageError& error) {
    return std::string("U") + error.what();
  } catch (const DataError& error) {
    return std::string("D") + error.what();
  } catch (const std::exception& error) {
    return std::string("E") + error.what();
  }
}

/// Fills the shared memory of a node; `samples` are read again where the root is on another node.
void fill(std::span<std::byte> memory, const SetRequest& request, std::optional<Samples>& samples) {
  if (!samples) samples = detail::read_split(request);
  const std::size_t label_bytes = samples->labels.size() * sizeof(std::int64_t);
  if (label_bytes + samples->values.size() != memory.size())
    throw DataError(request.name, "",
                    "this node's files hold another number of samples than the first node's; expected the same files");
  if (label_bytes > 0) std::memcpy(memory.data(), samples->labels.data(), label_bytes);
  if (!samples->values.empty())
    std::memcpy(memory.data() + label_bytes, samples->values.data(), samples->values.size());
}

}  // namespace

LabelledSet load(const parallel::Comm& comm, const SetRequest& request) {
  std::optional<Samples> samples;
  agree(comm, comm.root() ? read_and_note_failure(request, samples) : "");

  std::vector<std::int64_t> numbers(3);  // pixels, classes, N, then the shape
  if (samples) {
    numbers = {samples->pixels, samples->classes, static_cast<std::int64_t>(samples->labels.size())};
    numbers.insert(numbers.end(), samples->sample_shape.begin(), samples->sample_shape.end());
  }
  std::int64_t count = static_cast<std::int64_t>(numbers.size());
  comm.broadcast_bytes(&count, sizeof count);
  numbers.resize(static_cast<std::size_t>(count));
  comm.broadcast_bytes(numbers.data(), numbers.size() * sizeof(std::int64_t));

  const std::vector<std::int64_t> shape(numbers.begin() + 3, numbers.end());
  const std::int64_t d = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  const std::int64_t n = numbers[2];
  const auto bytes = static_cast<std::size_t>(n * (8 + d * (numbers[0] ? 1 : 4)));
  parallel::SharedBytes memory(comm, bytes, [&](std::span<std::byte> out) { fill(out, request, samples); });
  samples.reset();
  auto state = std::make_shared<LabelledSet::State>(
      LabelledSet::State{request.name, "", numbers[0] != 0, shape, n, d, numbers[1], std::move(memory)});

  // One rank a node computes the digest; all must agree, for each node has read its own files.
  const bool first_of_node = comm.node().root();
  if (first_of_node || comm.root()) state->digest = digest_of(*state);
  const std::string digest = comm.broadcast(state->digest);
  if (comm.any(first_of_node && state->digest != digest))
    throw DataError(request.name, "", "the nodes' files differ; expected the same samples and labels on every node");
  state->digest = digest;
  return LabelledSet(state);
}

}  // namespace hullscope::datasets

#include <hullscope/networks/checkpoint.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <hullscope/base/digest.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::networks {
namespace {

// File: kMagic, 64 hexadecimal digits (SHA-256 of all that follows), the payload: the task key and the members in
// order, each array as its length (8 bytes) and its values, in this machine's byte order (checkpoints do not travel).
constexpr std::string_view kMagic = "hullscope checkpoint 1\n";
constexpr std::size_t kDigestSize = 64;

class Writer {
 public:
  template <class T>
  void put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void put_all(const T& values) {
    put(static_cast<std::uint64_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class T>
  void get(T& value) {
    if (left_.size() < sizeof value) return fail();
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
  }
  template <class T>
  void get_all(T& values) {
    std::uint64_t n = 0;
    get(n);
    if (!good_ || n > left_.size() / sizeof(values[0])) return fail();
    values.resize(n);
    std::memcpy(values.data(), left_.data(), n * sizeof(values[0]));
    left_.remove_prefix(n * sizeof(values[0]));
  }
  bool whole() const { return good_ && left_.empty(); }

 private:
  void fail() { good_ = false; }
  std::string_view left_;
  bool good_ = true;
};

}  // namespace

void save_checkpoint(const std::string& path, const std::string& task_key, const Checkpoint& c) {
  Writer payload;
  payload.put_all(task_key);
  payload.put(c.step);
  for (const auto* curve :
       {&c.curves.train_loss, &c.curves.train_accuracy, &c.curves.validation_loss, &c.curves.validation_accuracy})
    payload.put_all(*curve);
  payload.put_all(c.sums);
  for (const auto* array : {&c.parameters, &c.m, &c.v, &c.buffers}) payload.put_all(*array);
  store::publish_bytes(path, std::string(kMagic) + sha256(payload.bytes()) + payload.bytes());
}

std::optional<Checkpoint> load_checkpoint(const std::string& path, const std::string& task_key) {
  if (!std::filesystem::exists(path)) return {};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream stream;
  stream << file.rdbuf();
  const std::string bytes = std::move(stream).str();
  const auto ignore = [&](const std::string& why) -> std::optional<Checkpoint> {
    parallel::log_warning(path + ": " + why + "; it is ignored and the training starts from its beginning");
    return {};
  };
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + kDigestSize)
    return ignore("not a checkpoint of this version");
  const auto digest = bytes.substr(kMagic.size(), kDigestSize);
  const auto payload = std::string_view(bytes).substr(kMagic.size() + kDigestSize);
  if (sha256(payload) != digest) return ignore("the checkpoint is damaged");

  Reader reader(payload);
  std::string key;
  Checkpoint c;
  reader.get_all(key);
  if (key != task_key) return ignore("the checkpoint belongs to a training with other options or other data");
  reader.get(c.step);
  for (auto* curve :
       {&c.curves.train_loss, &c.curves.train_accuracy, &c.curves.validation_loss, &c.curves.validation_accuracy})
    reader.get_all(*curve);
  reader.get_all(c.sums);
  for (auto* array : {&c.parameters, &c.m, &c.v, &c.buffers}) reader.get_all(*array);
  if (!reader.whole()) return ignore("the checkpoint is damaged");
  return c;
}

}  // namespace hullscope::networks

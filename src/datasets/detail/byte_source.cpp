#include <hullscope/datasets/detail/byte_source.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::datasets::detail {

namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::uint64_t kMostRatio = 1032;  // deflate: 258 bytes by two bits at best

/// A plain file, read through a buffer.
class RawFile {
 public:
  explicit RawFile(const std::string& path) : path_(path), buffer_(kBuffer) {
    struct stat info {};
    if (path.empty() || ::stat(path.c_str(), &info) != 0) {
      if (path.empty() || errno == ENOENT || errno == ENOTDIR)
        throw DataError(path.empty() ? "\"\"" : path, "", "there is no such file; expected the path of a data file");
      throw EnvironmentError(path + ": cannot be looked at: " + std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode))
      throw DataError(path, "", S_ISDIR(info.st_mode) ? "this is a folder; expected a file" : "expected a plain file");
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) throw EnvironmentError(path + ": cannot be opened for reading: " + std::strerror(errno));
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  ~RawFile() {
    if (file_ >= 0) ::close(file_);
  }
  RawFile(const RawFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t given() const { return fetched_ - (end_ - begin_); }
  const unsigned char* data() const { return buffer_.data() + begin_; }
  std::size_t available() const { return end_ - begin_; }
  void skip(std::size_t n) { begin_ += n; }
  /// Makes at least one byte available, unless the file is at its end. Keeps what is there.
  void fill() {
    if (available() == buffer_.size()) return;
    std::memmove(buffer_.data(), data(), available());
    end_ -= begin_;
    begin_ = 0;
    while (end_ < buffer_.size()) {
      const ssize_t n = ::read(file_, buffer_.data() + end_, buffer_.size() - end_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw EnvironmentError(path_ + ": reading failed: " + std::strerror(errno));
      if (n == 0) break;
      end_ += static_cast<std::size_t>(n);
      fetched_ += static_cast<std::uint64_t>(n);
    }
  }
  void skip_far(std::uint64_t n) {
    if (n <= available()) return skip(static_cast<std::size_t>(n));
    const std::uint64_t beyond = n - available();
    if (::lseek(file_, static_cast<off_t>(beyond), SEEK_CUR) < 0)
      throw EnvironmentError(path_ + ": seeking failed: " + std::strerror(errno));
    begin_ = end_ = 0;
    fetched_ += beyond;
  }
  std::size_t read(unsigned char* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      if (available() == 0) fill();
      if (available() == 0) break;
      const std::size_t n = std::min(size - done, available());
      std::memcpy(out + done, data(), n);
      skip(n);
      done += n;
    }
    return done;
  }

 private:
  std::string path_;
  std::vector<unsigned char> buffer_;
  int file_ = -1;
  std::uint64_t size_ = 0, fetched_ = 0;
  std::size_t begin_ = 0, end_ = 0;
};

/// The members of a gzip file, one after the other (RFC 1952).
class Gunzip {
 public:
  explicit Gunzip(RawFile& raw) : raw_(raw) {
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw EnvironmentError("zlib could not be set up");
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;

  std::size_t read(unsigned char* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size && !at_end_) {
      if (raw_.available() == 0) raw_.fill();
      if (raw_.available() == 0)
        throw fault("the gzip stream is cut off: expected its end and checksum; copy or fetch the file again");
      done += step(out + done, size - done);
    }
    return done;
  }

 private:
  std::size_t step(unsigned char* out, std::size_t size) {
    const std::size_t available = raw_.available();
    stream_.next_in = const_cast<unsigned char*>(raw_.data());  // zlib does not write to it
    stream_.avail_in = static_cast<uInt>(available);
    stream_.next_out = out;
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
    const std::size_t room = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const std::string message = stream_.msg ? stream_.msg : "no reason given";
    raw_.skip(available - stream_.avail_in);
    if (status == Z_STREAM_END) {
      next_member();
    } else if (status == Z_MEM_ERROR) {
      throw EnvironmentError("zlib has not enough memory");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      throw fault("the gzip stream is damaged (" + message + "); copy or fetch the file again");
    }
    return room - stream_.avail_out;
  }
  void next_member() {
    if (raw_.available() < 2) raw_.fill();
    if (raw_.available() == 0) {
      at_end_ = true;
    } else if (raw_.available() >= 2 && raw_.data()[0] == 0x1f && raw_.data()[1] == 0x8b) {
      inflateReset(&stream_);
    } else {
      throw fault("there are bytes after the end of the gzip stream; expected none");
    }
  }
  DataError fault(const std::string& sentence) const {
    return DataError(raw_.path(), "byte " + std::to_string(raw_.given()), sentence);
  }

  RawFile& raw_;
  z_stream stream_{};
  bool at_end_ = false;
};

}  // namespace

struct ByteSource::State {
  explicit State(const std::string& path) : raw(path) {
    raw.fill();
    if (raw.available() >= 2 && raw.data()[0] == 0x1f && raw.data()[1] == 0x8b) gunzip.emplace(raw);
  }
  RawFile raw;
  std::optional<Gunzip> gunzip;
  std::optional<Digest> digest;
  std::uint64_t position = 0;
};

ByteSource::ByteSource(const std::string& path) : state_(std::make_unique<State>(path)) {}
ByteSource::~ByteSource() = default;

const std::string& ByteSource::file() const {
  return state_->raw.path();
}
bool ByteSource::packed() const {
  return state_->gunzip.has_value();
}
std::uint64_t ByteSource::position() const {
  return state_->position;
}

std::string ByteSource::place(std::uint64_t position) const {
  return "byte " + std::to_string(position) + (packed() ? " of the unpacked data" : "");
}

std::uint64_t ByteSource::most_left() const {
  const std::uint64_t given = state_->raw.given(), size = state_->raw.size();
  const std::uint64_t left = size > given ? size - given : 0;
  // zlib may hold back up to a window of output whose input is already read.
  return packed() ? left * kMostRatio + (1u << MAX_WBITS) + kMostRatio : left;
}

std::size_t ByteSource::read(void* out, std::size_t size) {
  auto* bytes = static_cast<unsigned char*>(out);
  const std::size_t n = packed() ? state_->gunzip->read(bytes, size) : state_->raw.read(bytes, size);
  if (state_->digest) state_->digest->update(out, n);
  state_->position += n;
  return n;
}

void ByteSource::require(void* out, std::size_t size, const std::string& what) {
  const std::uint64_t first = position();
  const std::size_t n = read(out, size);
  if (n == size) return;
  if (first == 0 && n == 0) throw DataError(file(), "", "the file is empty; expected " + what);
  throw DataError(file(), place(first + n),
                  "the file ends here; expected " + std::to_string(size - n) + " more bytes of " + what);
}

void ByteSource::skip(std::uint64_t size) {
  if (!packed()) {
    state_->raw.skip_far(size);
    state_->position += size;
    return;
  }
  std::vector<unsigned char> scratch(kBuffer);
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left, scratch.size()));
    require(scratch.data(), n, "data to pass over");
    left -= n;
  }
}

void ByteSource::expect_end(const std::string& after) {
  const std::uint64_t end = position();
  unsigned char extra = 0;
  if (read(&extra, 1) != 0)
    throw DataError(file(), place(end), "there are more bytes; expected the end of the file after " + after);
}

void ByteSource::keep_digest() {
  state_->digest.emplace();
}
std::string ByteSource::digest() {
  return state_->digest->hex();
}

std::string unpacked_digest(const std::string& path, std::uint64_t* size) {
  ByteSource source(path);
  source.keep_digest();
  std::vector<unsigned char> buffer(kBuffer);
  while (source.read(buffer.data(), buffer.size()) == buffer.size()) {
  }
  if (size) *size = source.position();
  return source.digest();
}

void require_memory(double bytes, const std::string& what) {
  const double machine = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes > machine)
    throw EnvironmentError(what + " needs " + format_bytes(bytes) + " of memory, and this machine has " +
                           format_bytes(machine) + "; take fewer samples or a larger machine");
}

}  // namespace hullscope::datasets::detail

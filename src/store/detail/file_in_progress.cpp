#include "file_in_progress.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::store::detail {
namespace fs = std::filesystem;

std::string reason_of(int error) {
  const std::string text = std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return text + "; free some space or choose another output folder";
    case EACCES:
    case EPERM:
    case EROFS:
      return text + "; make the folder writable or choose another output folder";
    default:
      return text;
  }
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

/// When the process started, in clock ticks since boot: with the pid it names a process of a host for good.
/// Empty if there is no such process, or if it is dead and only waits for its parent to notice.
static std::string start_time(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return "";
  std::istringstream rest(line.substr(end_of_name + 1));
  std::string field;
  rest >> field;  // field 3 of `man 5 proc`: the state
  if (field == "Z" || field == "X") return "";
  for (int i = 4; i <= 22; ++i) rest >> field;
  return field;
}

static constexpr const char* kMark = ".tmp-";

/// ".NAME.tmp-HOST+PID+START+COUNT"
static std::string temporary_name(const std::string& name) {
  static std::atomic<int> count = 0;
  const std::string pid = std::to_string(getpid());
  return "." + name + kMark + host_name() + "+" + pid + "+" + start_time(pid) + "+" + std::to_string(count++);
}

/// Was its writer a process of this host that is gone, or one of another host that has not written for a day?
static bool is_stale(const fs::path& file, const std::string& writer) {
  std::vector<std::string> part;
  std::istringstream text(writer);
  for (std::string field; std::getline(text, field, '+');) part.push_back(field);
  if (part.size() == 4 && part[0] == host_name()) return start_time(part[1]) != part[2];
  struct stat info;
  return stat(file.c_str(), &info) == 0 && std::time(nullptr) - info.st_mtime > 24 * 3600;
}

void remove_stale(const std::string& folder, const std::string& name) {
  std::error_code ignored;  // what cannot be removed now is tried again by the next writer
  for (fs::directory_iterator it(folder, ignored), end; it != end; it.increment(ignored)) {
    const std::string found = it->path().filename().string();
    const auto mark = found.rfind(kMark);
    if (found.empty() || found[0] != '.' || mark == std::string::npos) continue;
    if (!name.empty() && found.substr(1, mark - 1) != name) continue;
    if (is_stale(it->path(), found.substr(mark + std::strlen(kMark)))) fs::remove(it->path(), ignored);
  }
}

FileInProgress::FileInProgress(std::string final_path) : final_path_(std::move(final_path)) {
  const fs::path target(final_path_);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw EnvironmentError("cannot make the folder " + folder.string() + ": " + reason_of(error.value()));
  if (fs::is_directory(target, error))
    throw EnvironmentError("cannot write " + final_path_ + ": it is a folder; choose another name");
  const std::string name = target.filename().string();
  remove_stale(folder.string(), name);
  path_ = (folder / temporary_name(name)).string();
  const int fd = open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0) throw EnvironmentError("cannot write " + final_path_ + ": " + reason_of(errno));
  close(fd);
}

FileInProgress::~FileInProgress() {
  if (path_.empty()) return;
  // Emptied first: who still has it open must be able to close it, also on a full disk.
  if (truncate(path_.c_str(), 0) != 0) errno = 0;
  unlink(path_.c_str());
}

void FileInProgress::reserve(std::uint64_t bytes) const {
  const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) throw EnvironmentError("cannot write " + final_path_ + ": " + reason_of(errno));
  int error = 0;
  do {
    error = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  } while (error == EINTR);
  close(fd);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    throw EnvironmentError("cannot write " + final_path_ + ", which needs " + format_bytes(static_cast<double>(bytes)) +
                           ": " + reason_of(error));
}

/// Gives back what was reserved beyond the file's end.
static void trim(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && truncate(path.c_str(), info.st_size) != 0) errno = 0;  // no harm is done
}

static bool sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = fsync(fd) == 0 || errno == EINVAL;  // EINVAL: the file system has no fsync (of folders)
  const int error = errno;
  close(fd);
  errno = error;
  return done;
}

void FileInProgress::publish() {
  const fs::path target(final_path_);
  const std::string folder = target.has_parent_path() ? target.parent_path().string() : ".";
  trim(path_);
  if (!sync(path_, 0) || std::rename(path_.c_str(), final_path_.c_str()) != 0)
    throw EnvironmentError("cannot publish " + final_path_ + ": " + reason_of(errno));
  path_.clear();
  if (!sync(folder, O_DIRECTORY))
    throw EnvironmentError("cannot make the name " + final_path_ + " lasting: " + reason_of(errno));
}

}  // namespace hullscope::store::detail

namespace hullscope::store {

void publish_bytes(const std::string& path, std::string_view bytes) {
  detail::FileInProgress file(path);
  const int fd = open(file.path().c_str(), O_WRONLY | O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fd >= 0 && close(fd) != 0 && error == 0) error = errno;
  if (error) throw EnvironmentError("cannot write " + path + ": " + detail::reason_of(error));
  file.publish();
}

}  // namespace hullscope::store

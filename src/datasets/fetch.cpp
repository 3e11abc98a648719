// Fetching named sets: curl or wget into a temporary folder beside the target, checks, renames.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/registry.hpp>
#include <hullscope/parallel/progress.hpp>

extern char** environ;

namespace hullscope::datasets {

namespace fs = std::filesystem;

namespace {

/// A folder that is gone, with all in it, at the end.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& parent) : path_(parent + "/.fetch-" + std::to_string(::getpid())) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw EnvironmentError(parent + ": no folder can be made here: " + error.message());
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // nothing is lost by a temporary folder that stays
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a program without a shell; its exit status, or -1 if it is not installed. What it says goes to `log`.
int run(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return -1;
  if (error != 0) throw EnvironmentError(command[0] + " cannot be started: " + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string last_line(const std::string& log) {
  std::ifstream stream(log);
  std::string line, last;
  while (std::getline(stream, line))
    if (!line.empty()) last = line;
  return last.empty() ? "no reason given" : last;
}

/// Empty if it worked, else why not.
std::string download(const std::string& address, const std::string& target) {
  const std::string log = target + ".log";
  int status = run({"curl", "--fail", "--location", "--silent", "--show-error", "--connect-timeout", "20",
                    "--speed-limit", "1000", "--speed-time", "60", "--output", target, address},
                   log);
  if (status == -1)
    status = run({"wget", "--no-verbose", "--tries=2", "--timeout=60", "--output-document", target, address}, log);
  if (status == -1)
    throw EnvironmentError("neither curl nor wget is installed; install one of them, or fetch " + address + " by hand");
  return status == 0 ? "" : last_line(log);
}

/// Downloads from the first address that gives bytes which `is_right` accepts.
template <class Check>
void download_any(const std::vector<std::string>& addresses, const std::string& target, std::int64_t size,
                  const std::string& set, const Check& is_right) {
  std::vector<std::string> reasons;
  for (const std::string& address : addresses) {
    parallel::log_info("fetching " + address + " (" + format_bytes(static_cast<double>(size)) + ")");
    std::string reason = download(address, target);
    if (reason.empty() && is_right(target)) return;
    if (reason.empty()) reason = "the bytes are not those of " + set + " (wrong SHA-256)";
    reasons.push_back(address + ": " + reason);
  }
  throw EnvironmentError("could not fetch " + set + " (" + join(reasons, "; ") +
                         "); check the network, or copy its files by hand into a folder of HULLSCOPE_DATA");
}

bool is_content_of(const NamedFile& file, const std::string& path) {
  return sha256_of_file(path) == file.packed_sha256 || fault_of(file, path).empty();
}

void move_into_place(const std::string& from, const std::string& to) {
  const int file = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!synced || ::rename(from.c_str(), to.c_str()) != 0)
    throw EnvironmentError(to + ": cannot be written: " + std::strerror(errno));
  const int folder = ::open(fs::path(to).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

/// The file in the folder if it is there and right; "" if it is not there. Throws if something else has its name.
std::string present(const NamedFile& file, const std::string& folder) {
  for (const char* ending : {"", ".gz"}) {
    const std::string path = folder + "/" + file.name + ending;
    if (!fs::exists(path)) continue;
    if (is_content_of(file, path)) return path;
    throw EnvironmentError(path +
                           " is there, but holds something else (wrong SHA-256); move it away, or name another "
                           "folder by --to");
  }
  return "";
}

void fetch_archive(const NamedSet& set, const std::vector<NamedFile>& missing, const std::string& folder,
                   const std::string& temporary) {
  const std::string archive = temporary + "/archive.tar.gz", log = temporary + "/tar.log";
  download_any(set.addresses, archive, set.archive_size, set.name,
               [&](const std::string& path) { return sha256_of_file(path) == set.archive_sha256; });
  if (const int status = run({"tar", "--no-same-owner", "-xzf", archive, "-C", temporary}, log); status != 0)
    throw EnvironmentError(status == -1 ? "tar is not installed; install it" : "tar failed: " + last_line(log));
  for (const NamedFile& file : missing) {
    std::string unpacked = temporary + "/" + file.name;
    for (const std::string& name : set.subfolders)
      if (const std::string inside = temporary + "/" + name + "/" + file.name; fs::exists(inside)) unpacked = inside;
    if (!fs::exists(unpacked) || !is_content_of(file, unpacked))
      throw EnvironmentError("the archive of " + set.name + " does not hold " + file.name + " as expected");
    move_into_place(unpacked, folder + "/" + file.name);
  }
}

}  // namespace

std::vector<std::string> fetch(const NamedSet& set, const std::string& folder) {
  if (folder.empty()) throw UsageError("HOME is not set, so there is no default folder; name one by --to DIR");
  const TemporaryFolder temporary(folder);  // in the same file system, so that a rename is enough
  std::vector<NamedFile> missing;
  std::vector<std::string> lines;
  for (const NamedFile& file : set.files) {
    const std::string path = present(file, folder);
    if (path.empty()) missing.push_back(file);
    if (!path.empty()) lines.push_back(path + ": was there, whole");
  }
  if (!set.archive_sha256.empty() && !missing.empty()) fetch_archive(set, missing, folder, temporary.path());
  for (const NamedFile& file : missing) {
    const std::string name = file.name + (file.packed_size > 0 ? ".gz" : "");
    if (set.archive_sha256.empty()) {
      std::vector<std::string> addresses;
      for (const std::string& address : set.addresses) addresses.push_back(address + name);
      const std::string partial = temporary.path() + "/" + name;
      download_any(addresses, partial, file.packed_size > 0 ? file.packed_size : file.size, set.name,
                   [&](const std::string& path) { return is_content_of(file, path); });
      move_into_place(partial, folder + "/" + name);
    }
    lines.push_back(folder + "/" + (set.archive_sha256.empty() ? name : file.name) + ": fetched, whole");
  }
  return lines;
}

}  // namespace hullscope::datasets

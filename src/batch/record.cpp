#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/record.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;
using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Request, nodes, ranks, threads, gpus, minutes, megabytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(JobRecord, name, stage, label, id, elements, request, cpu_seconds, seconds, after,
                                   state, judged)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Round, number, created, study, profile, requeues, tries, memory_megabytes, running,
                                   time_factor, force_new, automatic, jobs, replaces)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TaskRecord, tries, megabytes, no_more_memory, reason, cancelled)

namespace {

constexpr int kFormat = 1;

std::string state_path(const std::string& folder) {
  return folder + "/batch/state.json";
}

std::string reason_of(int error) {
  const std::string text = std::strerror(error);
  const bool room = error == ENOSPC || error == EDQUOT;
  return room ? text + "; free some space or choose another output folder" : text;
}

/// Bytes that are no UTF-8 (in paths) would not be JSON: each is written as the character of its number, and back.
std::string to_json_text(const std::string& bytes) {
  std::string text;
  for (const unsigned char c : bytes)
    if (c < 0x80)
      text += static_cast<char>(c);
    else
      text += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
  return text;
}

std::string from_json_text(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80 || i + 1 == text.size())
      bytes += text[i];
    else
      bytes += static_cast<char>((c & 0x03) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
  }
  return bytes;
}

}  // namespace

void write_whole(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int error = file < 0 ? errno : 0;
  for (std::size_t done = 0; error == 0 && done < text.size();) {
    const ssize_t n = write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (error == 0 && fsync(file) != 0) error = errno;
  if (file >= 0 && close(file) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    throw EnvironmentError(fmt::format("cannot write {}: {}", path, reason_of(error)));
  }
  const int folder = open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);  // some file systems have none for folders; the file itself is safe
  close(folder);
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string identity_of(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return "";
  return fmt::format("{}:{}.{:09}:{}", info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size);
}

bool load_record(const std::string& folder, Record& record) {
  const std::string text = read_whole(state_path(folder));
  if (text.empty()) return false;
  try {
    const json state = json::parse(text);
    if (state.at("format") != kFormat)
      throw DataError(state_path(folder), "format", "made by a newer hullscope, which this one does not understand");
    record.folder = folder;
    record.made_in = from_json_text(state.at("folder"));
    record.workdir = from_json_text(state.at("workdir"));
    record.program = from_json_text(state.at("program"));
    record.token = state.at("token");
    record.rounds = state.at("rounds").get<std::vector<Round>>();
    record.tasks = state.at("tasks").get<std::map<std::string, TaskRecord>>();
    for (auto& round : record.rounds) {
      round.profile = from_json_text(round.profile);
      round.study = from_json_text(round.study);
    }
  } catch (const json::exception& error) {
    throw DataError(state_path(folder), "",
                    fmt::format("damaged ({}); if no job of this study is in the queue, delete it", error.what()));
  }
  return true;
}

void save_record(const Record& record) {
  Record plain = record;
  for (auto& round : plain.rounds) {
    round.profile = to_json_text(round.profile);
    round.study = to_json_text(round.study);
  }
  const json state = {{"format", kFormat},
                      {"folder", to_json_text(record.folder)},
                      {"workdir", to_json_text(record.workdir)},
                      {"program", to_json_text(record.program)},
                      {"token", record.token},
                      {"rounds", plain.rounds},
                      {"tasks", plain.tasks}};
  write_whole(state_path(record.folder), state.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

std::vector<std::vector<std::string>> read_tasks(const std::string& folder, const std::string& round,
                                                 const std::string& job) {
  std::vector<std::vector<std::string>> elements;
  std::istringstream lines(read_whole(folder + "/" + tasks_path(round, job)));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    elements.push_back({std::istream_iterator<std::string>(words), {}});
  }
  return elements;
}

std::string round_folder(int number) {
  return fmt::format("batch/round-{}", number);
}

namespace {

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

/// When a process started, in ticks since boot: with its number it names a process of this host for good. "" if there
/// is none.
std::string start_time(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line, field;
  std::getline(stat, line);
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return "";
  std::istringstream rest(line.substr(end_of_name + 1));
  for (int i = 3; i <= 22; ++i) rest >> field;
  return field;
}

std::string myself() {
  const std::string pid = std::to_string(getpid());
  return fmt::format("{} {} {}\n", host_name(), pid, start_time(pid));
}

/// Is the owner that a lock file names a process of this host which is gone?
bool is_dead(const std::string& owner) {
  std::istringstream words(owner);
  std::string host, pid, start;
  words >> host >> pid >> start;
  return host == host_name() && !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos &&
         start_time(pid) != start;
}

/// An exclusive file, where there is no flock. True if it is ours now.
bool make_owner_file(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) {
    if (errno == EEXIST && is_dead(read_whole(path))) unlink(path.c_str());
    return false;
  }
  const std::string text = myself();
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  if (!written) unlink(path.c_str());
  return written;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder, double seconds) {
  const std::string path = folder + "/batch/lock";
  std::error_code error;
  fs::create_directories(folder + "/batch", error);
  file_ = error ? -1 : open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0)
    throw EnvironmentError(fmt::format("{}: cannot be made ({}); choose another output folder", path,
                                       error ? error.message() : reason_of(errno)));
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  // for tests: behave as on a file system without flock
  bool by_file = std::getenv("HULLSCOPE_NO_FLOCK") != nullptr;
  while (true) {
    if (!by_file && flock(file_, LOCK_EX | LOCK_NB) == 0) break;
    if (!by_file && errno != EWOULDBLOCK && errno != EINTR) by_file = true;
    if (by_file && make_owner_file(path + ".owner")) {
      owner_file_ = path + ".owner";
      return;
    }
    if (std::chrono::steady_clock::now() > end) {
      const std::string owner = read_whole(by_file ? path + ".owner" : path);
      throw UsageError(
          fmt::format("{}: another submit, resume or cancel works on this folder (host, process, start: {}); "
                      "wait for it to end{}",
                      folder, owner.substr(0, owner.find('\n')),
                      by_file ? ", or delete batch/lock.owner if that process is gone" : ""));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::string text = myself();
  if (ftruncate(file_, 0) != 0 || pwrite(file_, text.data(), text.size(), 0) < 0) errno = 0;  // only for the message
}

FolderLock::~FolderLock() {
  if (!owner_file_.empty()) unlink(owner_file_.c_str());
  if (file_ >= 0) close(file_);
}

}  // namespace hullscope::batch

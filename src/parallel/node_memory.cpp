#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <hullscope/parallel/detail/node_memory.hpp>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/progress.hpp>

namespace hullscope::parallel::detail {

namespace {

constexpr const char* kShmFolder = "/dev/shm";
constexpr double kShmReserve = 16e6;  // bytes of /dev/shm left to MPI's own buffers

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int descriptor = -1) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

double free_bytes(const std::string& folder) {
  struct statvfs s {};
  return statvfs(folder.c_str(), &s) == 0 ? static_cast<double>(s.f_bavail) * static_cast<double>(s.f_frsize) : 0;
}

/// What the kernel thinks can be used without swapping; infinity if it does not say.
double available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (double kilobytes; file >> key >> kilobytes; file.ignore(64, '\n'))
    if (key == "MemAvailable:") return kilobytes * 1024;
  return std::numeric_limits<double>::infinity();
}

/// What stands against /dev/shm; empty if nothing does.
std::string objection_to_shm(std::size_t size) {
  const double bytes = static_cast<double>(size), room = free_bytes(kShmFolder), memory = available_memory();
  if (bytes > memory) return "the memory has " + format_bytes(memory) + " free";
  if (bytes > room || (bytes > kShmReserve && bytes + kShmReserve > room))
    return std::string(kShmFolder) + " has " + format_bytes(room) + " free";
  return "";
}

/// A new file of `size` allocated bytes in the folder, and its path. Not open where that fails; `why` then says why.
File make_file(const std::string& folder, std::size_t size, std::string& path, std::string& why) {
  path = folder + "/hullscope-shared-XXXXXX";
  File file(mkostemp(path.data(), O_CLOEXEC));
  const int code = file.open() ? posix_fallocate(file.get(), 0, static_cast<off_t>(size)) : errno;
  if (code == 0) return file;
  if (file.open()) unlink(path.c_str());
  why = folder + ": " + std::strerror(code);
  return File();
}

/// On the node's first rank: the file in the first folder that takes it. `why` gathers what stood against the others.
File make_file_somewhere(std::size_t size, std::string& path, std::string& why) {
  if (const char* only = std::getenv("HULLSCOPE_SHARED_FOLDER"); only && *only) return make_file(only, size, path, why);
  std::string objection = objection_to_shm(size);
  if (objection.empty())
    if (File file = make_file(kShmFolder, size, path, objection); file.open()) return file;
  log_warning(objection + ", but this node's ranks share an array of " + format_bytes(static_cast<double>(size)) +
              ": a file on disk is mapped instead, which may be slower; give the machine more (docker run "
              "--shm-size=1g, or mount -o remount,size=50% /dev/shm)");
  why = objection;
  const char* given = std::getenv("TMPDIR");
  for (const std::string& folder : {std::string(given ? given : ""), std::string("/tmp"), std::string("/var/tmp")}) {
    if (folder.empty()) continue;
    std::string reason;
    if (File file = make_file(folder, size, path, reason); file.open()) return file;
    why += ", " + reason;
  }
  return File();
}

[[noreturn]] void refuse(const std::string& why, std::size_t size) {
  throw EnvironmentError("no room for an array of " + format_bytes(static_cast<double>(size)) +
                         " that the ranks of a node share (" + why +
                         "): free some space, or name a folder with room in TMPDIR");
}

}  // namespace

NodeMemory::NodeMemory(const Comm& node, std::size_t size, Sharing sharing) : size_(size) {
  std::string path, why;
  File file;
  if (node.root()) file = make_file_somewhere(size, path, why);
  path = node.broadcast(file.open() ? path : "");
  if (path.empty()) refuse(node.broadcast(why), size);

  const bool writes = node.root() || sharing == Sharing::kAllWrite;
  if (!node.root()) file = File(open(path.c_str(), (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  const bool missing = node.any(!file.open());
  if (node.root()) unlink(path.c_str());  // from here on nothing can be left behind
  if (missing) refuse("'" + path + "' could not be opened by every rank", size);

  void* mapped = mmap(nullptr, size, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file.get(), 0);
  const bool failed = mapped == MAP_FAILED;
  if (!failed) data_ = static_cast<std::byte*>(mapped);
  if (node.any(failed)) {
    if (data_) munmap(data_, size);
    refuse("the file could not be mapped by every rank", size);
  }
}

NodeMemory::~NodeMemory() {
  if (data_) munmap(data_, size_);
}

NodeMemory& NodeMemory::operator=(NodeMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void NodeMemory::make_read_only() const {
  mprotect(data_, size_, PROT_READ);
}

}  // namespace hullscope::parallel::detail

// Three ways to hold an array once per node, chosen by looking at the machine first: a node of one rank maps anonymous
// memory; a window of MPI lives in /dev/shm; where that has no room, a file that is unlinked as soon as it is open.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/detail/unwinding.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/sharing.hpp>

namespace hullscope::parallel {

namespace {

enum class Way : std::int64_t { kPrivate, kWindow, kFile };

constexpr std::size_t kAlignment = 64;  // cache lines, AVX-512
constexpr double kShmReserve = 16e6;    // bytes of /dev/shm left to MPI's own buffers
constexpr const char* kShmFolder = "/dev/shm";

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

/// What HULLSCOPE_SHARED_MEMORY asks for, if anything.
std::optional<Way> asked_way(int node_ranks) {
  const char* chosen = std::getenv("HULLSCOPE_SHARED_MEMORY");
  const std::string name = chosen ? chosen : "";
  if (name.empty()) return std::nullopt;
  if (name == "window") return node_ranks > 1 ? Way::kWindow : Way::kPrivate;  // MPI gives one rank plain malloc
  if (name == "file") return Way::kFile;
  throw UsageError("HULLSCOPE_SHARED_MEMORY is '" + name + "', expected window or file (or not set)");
}

/// On the rank that will fill the array; warns where /dev/shm is too small.
Way choose_way(std::size_t size, int node_ranks) {
  if (node_ranks == 1) return Way::kPrivate;
  const double need = static_cast<double>(size) + kShmReserve, shm = free_bytes(kShmFolder);
  if (need <= shm && need <= available_memory()) return Way::kWindow;
  const std::string what = need > shm ? std::string(kShmFolder) + " has " + format_bytes(shm) + " free"
                                      : "the memory has " + format_bytes(available_memory()) + " free";
  log_warning(what + ", but this node's ranks share an array of " + format_bytes(static_cast<double>(size)) +
              ": a file is mapped instead, which may be slower; give the machine more (docker run --shm-size=1g, "
              "or mount -o remount,size=50% /dev/shm)");
  return Way::kFile;
}

[[noreturn]] void refuse(const std::string& what, std::size_t size) {
  throw EnvironmentError(what + " while sharing an array of " + format_bytes(static_cast<double>(size)) +
                         " between the ranks of a node: free some space there, or name a folder with room in TMPDIR");
}

}  // namespace

struct SharedBytes::State {
  Comm node;
  std::size_t size;
  std::byte* data = nullptr;
  void* mapping = nullptr;  // ours to unmap
  MPI_Win window = MPI_WIN_NULL;
  detail::Unwinding unwinding;

  State(const Comm& node_comm, std::size_t bytes) : node(node_comm), size(bytes) {}
  ~State() {
    if (mapping) munmap(mapping, size);
    if (window != MPI_WIN_NULL && !unwinding.now() && detail::mpi_alive()) MPI_Win_free(&window);
  }

  void map(int file, int protection, int flags) {
    void* m = mmap(nullptr, size, protection, flags, file, 0);
    if (m == MAP_FAILED) refuse(std::string("mmap failed (") + std::strerror(errno) + ")", size);
    mapping = m;
    data = static_cast<std::byte*>(m);
  }

  bool open_window();
  int open_file();
};

/// Collective over the node. False, and nothing held, if there is no room after all.
bool SharedBytes::State::open_window() {
  void* base = nullptr;
  const auto bytes = static_cast<MPI_Aint>(node.root() ? size + kAlignment : 0);
  const int code = MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, detail::handle(node), &base, &window);
  if (node.any(code != MPI_SUCCESS)) return false;  // a window on some ranks only cannot be freed: leave it
  MPI_Aint length = 0;
  int unit = 0;
  detail::check(MPI_Win_shared_query(window, 0, &length, &unit, &base), "MPI_Win_shared_query");
  // The window's file is sparse: another program may take the space that we saw, and the first write would then end
  // this process (SIGBUS). Ask for the pages now; kernels before 5.14 do not know the question and say EINVAL.
  bool room = true;
#ifdef MADV_POPULATE_WRITE
  if (node.root()) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(base) / page * page;
    const std::uintptr_t last = reinterpret_cast<std::uintptr_t>(base) + size + kAlignment;
    room = madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
  }
#endif
  if (node.any(!room)) {
    MPI_Win_free(&window);
    window = MPI_WIN_NULL;
    return false;
  }
  std::size_t space = size + kAlignment;
  data = static_cast<std::byte*>(std::align(kAlignment, size, base, space));
  return true;
}

/// Collective over the node. A file without a name (any more), as long as the array; the first rank's can be written.
int SharedBytes::State::open_file() {
  int file = -1;
  std::string path, tried;
  if (node.root()) {
    const char* given = std::getenv("TMPDIR");
    for (const std::string& folder : {std::string(given ? given : ""), std::string("/tmp"), std::string("/var/tmp")}) {
      if (folder.empty()) continue;
      path = folder + "/hullscope-shared-XXXXXX";
      file = mkostemp(path.data(), O_CLOEXEC);
      const int code = file < 0 ? errno : posix_fallocate(file, 0, static_cast<off_t>(size));
      if (code == 0) break;
      tried += (tried.empty() ? "" : ", ") + folder + " (" + std::strerror(code) + ")";
      if (file >= 0) {
        close(file);
        unlink(path.c_str());
        file = -1;
      }
    }
    if (file < 0) path.clear();
  }
  path = node.broadcast(path);
  if (path.empty()) refuse("no folder took the file" + (tried.empty() ? "" : ": " + tried), size);
  if (!node.root()) file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool missing = node.any(file < 0);
  if (node.root()) unlink(path.c_str());
  if (missing) {
    if (file >= 0) close(file);
    refuse("'" + path + "' could not be opened by every rank of the node", size);
  }
  return file;
}

SharedBytes::SharedBytes(const Comm& comm, std::size_t size, const std::function<void(std::span<std::byte>)>& fill)
    : state_(std::make_unique<State>(comm.node(), size)) {
  State& s = *state_;
  const Comm& node = s.node;
  Way way = Way::kPrivate;
  if (const std::optional<Way> asked = asked_way(node.size()); size > 0) {
    if (node.root()) way = asked ? *asked : choose_way(size, node.size());
    node.broadcast_bytes(&way, sizeof way);
  }
  if (way == Way::kWindow && !s.open_window()) way = Way::kFile;
  int file = -1;
  if (way == Way::kPrivate && size > 0) s.map(-1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (way == Way::kFile) {
    file = s.open_file();
    const std::unique_ptr<int, void (*)(int*)> closer(&file, [](int* f) { close(*f); });
    s.map(file, node.root() ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED);
  }
  if (node.root()) {
    fill({s.data, size});
    if (s.mapping) mprotect(s.mapping, size, PROT_READ);  // a stray write is found at once
  }
  node.barrier();
  if (s.window != MPI_WIN_NULL) std::atomic_thread_fence(std::memory_order_acquire);
}

SharedBytes::~SharedBytes() = default;
SharedBytes::SharedBytes(SharedBytes&&) noexcept = default;

std::span<const std::byte> SharedBytes::bytes() const {
  return {state_->data, state_->size};
}

}  // namespace hullscope::parallel

#include <cstdlib>
#include <cstring>
#include <new>

#include <hullscope/parallel/detail/node_memory.hpp>
#include <hullscope/parallel/sharing.hpp>

namespace hullscope::parallel {

namespace {

constexpr std::size_t kAlignment = 64;  // cache lines, AVX-512; what a mapping has anyway

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};

/// A rank alone on its node has nobody to share with: plain memory, zero, whatever /dev/shm holds.
std::byte* allocate_zeroed(std::size_t size) {
  const std::size_t whole = (size + kAlignment - 1) / kAlignment * kAlignment;
  void* p = std::aligned_alloc(kAlignment, whole);
  if (!p) throw std::bad_alloc();
  return static_cast<std::byte*>(std::memset(p, 0, whole));
}

}  // namespace

struct SharedBytes::State {
  std::size_t size = 0;
  detail::NodeMemory shared;
  std::unique_ptr<std::byte, Free> own;
  std::byte* data = nullptr;

  State(const Comm& node, std::size_t bytes, detail::Sharing sharing) : size(bytes) {
    if (size == 0) return;
    if (node.size() == 1) {
      own.reset(allocate_zeroed(size));
      data = own.get();
    } else {
      shared = detail::NodeMemory(node, size, sharing);
      data = shared.data();
    }
  }
};

SharedBytes::SharedBytes(const Comm& comm, std::size_t size, const std::function<void(std::span<std::byte>)>& fill) {
  const Comm node = comm.node();
  state_ = std::make_unique<State>(node, size, detail::Sharing::kFirstRankWrites);
  if (node.root()) {
    fill(writable());
    if (state_->shared.data()) state_->shared.make_read_only();
  }
  node.barrier();
}

SharedBytes::SharedBytes(const Comm& comm, std::size_t size)
    : state_(std::make_unique<State>(comm.node(), size, detail::Sharing::kAllWrite)) {}

SharedBytes::~SharedBytes() = default;
SharedBytes::SharedBytes(SharedBytes&&) noexcept = default;

std::span<const std::byte> SharedBytes::bytes() const {
  return {state_->data, state_->size};
}

std::span<std::byte> SharedBytes::writable() {
  return {state_->data, state_->size};
}

}  // namespace hullscope::parallel

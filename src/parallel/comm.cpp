#include <hullscope/parallel/comm.hpp>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/detail/unwinding.hpp>

namespace hullscope::parallel {

using detail::check;

namespace detail {

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw EnvironmentError(std::string(call) + " failed: " + std::string(words, static_cast<std::size_t>(length)));
}

bool mpi_alive() {
  int begun = 0, ended = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&ended);
  return begun && !ended;
}

namespace {

/// MPI counts are ints: calls piece(first, count) over [0, n) in pieces that fit.
template <class Piece>
void in_pieces(std::size_t n, const Piece& piece) {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  for (std::size_t first = 0; first < n; first += kMost) piece(first, static_cast<int>(std::min(kMost, n - first)));
}

/// Ranks that count as one node; 0: as the machine says.
int pretended_node_ranks() {
  const char* text = std::getenv("HULLSCOPE_NODE_RANKS");
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long k = std::strtol(text, &end, 10);
  if (*end || k < 1 || k > std::numeric_limits<int>::max())
    throw UsageError("HULLSCOPE_NODE_RANKS is '" + std::string(text) + "', expected a number of ranks from 1 on");
  return static_cast<int>(k);
}

}  // namespace
}  // namespace detail

struct Comm::State {
  MPI_Comm comm = MPI_COMM_NULL;
  bool owned = false;
  int rank = 0, size = 1;
  std::optional<Comm> node;
  detail::Unwinding unwinding;

  State(MPI_Comm c, bool own) : comm(c), owned(own) {
    if (own) MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
  }
  ~State() {
    node.reset();
    if (owned && !unwinding.now() && detail::mpi_alive()) MPI_Comm_free(&comm);
  }
};

Comm::Comm(std::shared_ptr<State> state) : state_(std::move(state)) {}

Comm Comm::world() {
  if (!detail::mpi_alive()) throw InternalError("Comm::world() was called outside of a Session");
  return Comm(std::make_shared<State>(MPI_COMM_WORLD, false));
}

Comm Comm::self() {
  if (!detail::mpi_alive()) throw InternalError("Comm::self() was called outside of a Session");
  return Comm(std::make_shared<State>(MPI_COMM_SELF, false));
}

int Comm::rank() const {
  return state_->rank;
}
int Comm::size() const {
  return state_->size;
}
void* Comm::native() const {
  return &state_->comm;
}

void Comm::barrier() const {
  check(MPI_Barrier(state_->comm), "MPI_Barrier");
}

double Comm::sum(double value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_SUM, state_->comm), "MPI_Allreduce");
  return value;
}

std::int64_t Comm::sum(std::int64_t value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_SUM, state_->comm), "MPI_Allreduce");
  return value;
}

double Comm::max(double value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, state_->comm), "MPI_Allreduce");
  return value;
}

std::int64_t Comm::max(std::int64_t value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, state_->comm), "MPI_Allreduce");
  return value;
}

bool Comm::any(bool value) const {
  return max(static_cast<std::int64_t>(value)) != 0;
}

void Comm::sum_in_place(std::span<float> values) const {
  detail::in_pieces(values.size(), [&](std::size_t first, int n) {
    check(MPI_Allreduce(MPI_IN_PLACE, values.data() + first, n, MPI_FLOAT, MPI_SUM, state_->comm), "MPI_Allreduce");
  });
}

void Comm::sum_in_place(std::span<double> values) const {
  detail::in_pieces(values.size(), [&](std::size_t first, int n) {
    check(MPI_Allreduce(MPI_IN_PLACE, values.data() + first, n, MPI_DOUBLE, MPI_SUM, state_->comm), "MPI_Allreduce");
  });
}

void Comm::broadcast_bytes(void* data, std::size_t size, int root) const {
  detail::in_pieces(size, [&](std::size_t first, int n) {
    check(MPI_Bcast(static_cast<char*>(data) + first, n, MPI_BYTE, root, state_->comm), "MPI_Bcast");
  });
}

std::string Comm::broadcast(const std::string& text, int root) const {
  std::uint64_t length = text.size();
  broadcast_bytes(&length, sizeof length, root);
  std::string result = rank() == root ? text : std::string(length, '\0');
  broadcast_bytes(result.data(), length, root);
  return result;
}

std::vector<std::int64_t> Comm::all_gather(std::int64_t value) const {
  std::vector<std::int64_t> values(static_cast<std::size_t>(size()));
  check(MPI_Allgather(&value, 1, MPI_INT64_T, values.data(), 1, MPI_INT64_T, state_->comm), "MPI_Allgather");
  return values;
}

std::vector<std::string> Comm::gather(const std::string& text) const {
  const std::vector<std::int64_t> lengths = all_gather(static_cast<std::int64_t>(text.size()));
  const std::int64_t total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  if (total > std::numeric_limits<int>::max())
    throw InternalError("Comm::gather was given " + std::to_string(total) + " bytes, expected less than 2 GiB");
  std::vector<int> counts(lengths.begin(), lengths.end()), offsets(lengths.size(), 0);
  std::partial_sum(counts.begin(), counts.end() - 1, offsets.begin() + 1);
  std::string all(static_cast<std::size_t>(total), '\0');
  check(MPI_Allgatherv(text.data(), static_cast<int>(text.size()), MPI_BYTE, all.data(), counts.data(), offsets.data(),
                       MPI_BYTE, state_->comm),
        "MPI_Allgatherv");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < counts.size(); ++i)
    texts.push_back(all.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(counts[i])));
  return texts;
}

Comm Comm::split(int colour, int key) const {
  if (colour < 0)
    throw InternalError("Comm::split was given colour " + std::to_string(colour) + ", expected 0 or more");
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split(state_->comm, colour, key, &part), "MPI_Comm_split");
  return Comm(std::make_shared<State>(part, true));
}

Comm Comm::node() const {
  if (state_->node) return *state_->node;
  MPI_Comm shared = MPI_COMM_NULL;
  check(MPI_Comm_split_type(state_->comm, MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &shared), "MPI_Comm_split_type");
  Comm node(std::make_shared<State>(shared, true));
  if (const int k = detail::pretended_node_ranks()) node = node.split(node.rank() / k, node.rank());
  state_->node = node;
  return node;
}

}  // namespace hullscope::parallel

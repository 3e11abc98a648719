#include <hullscope/parallel/detail/shared_counter.hpp>

#include <chrono>

#include <hullscope/parallel/detail/mpi.hpp>

namespace hullscope::parallel::detail {

namespace {
constexpr int kAsk = 1, kAnswer = 2;
constexpr std::chrono::milliseconds kNap{1};
}  // namespace

SharedCounter::SharedCounter(const Comm& comm)
    : comm_(comm.split(0, comm.rank())), one_node_(comm_.node().size() == comm_.size()) {
  // Nodes may differ in their ranks, so that one could think it is alone; only the agreed answer counts.
  one_node_ = !comm_.any(!one_node_);
  if (one_node_)
    cells_ = std::make_unique<NodeCells>(comm_.node(), 1);
  else if (comm_.root())
    server_ = std::thread([this] { serve(); });
}

SharedCounter::~SharedCounter() {
  if (!one_node_ && !unwinding_.now() && mpi_alive()) comm_.barrier();  // nobody asks any more
  end_ = true;
  if (server_.joinable()) server_.join();
}

std::optional<std::int64_t> SharedCounter::next(double patience_seconds) {
  if (one_node_) return (*cells_)[0].fetch_add(1);
  if (comm_.root()) return number_.fetch_add(1);
  return ask(patience_seconds);
}

std::optional<std::int64_t> SharedCounter::ask(double patience_seconds) {
  check(MPI_Send(nullptr, 0, MPI_BYTE, 0, kAsk, handle(comm_)), "MPI_Send");
  std::int64_t answer = 0;
  MPI_Request request;
  check(MPI_Irecv(&answer, 1, MPI_INT64_T, 0, kAnswer, handle(comm_), &request), "MPI_Irecv");
  const auto begin = std::chrono::steady_clock::now();
  for (int done = 0;;) {
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done) return answer;
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
    if (patience_seconds >= 0 && waited.count() > patience_seconds) break;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  MPI_Cancel(&request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  return std::nullopt;
}

void SharedCounter::serve() {
  while (!end_) {
    int asked = 0;
    MPI_Status status;
    check(MPI_Iprobe(MPI_ANY_SOURCE, kAsk, handle(comm_), &asked, &status), "MPI_Iprobe");
    if (!asked) {
      std::this_thread::sleep_for(kNap);
      continue;
    }
    check(MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, kAsk, handle(comm_), MPI_STATUS_IGNORE), "MPI_Recv");
    const std::int64_t answer = number_.fetch_add(1);
    check(MPI_Send(&answer, 1, MPI_INT64_T, status.MPI_SOURCE, kAnswer, handle(comm_)), "MPI_Send");
  }
}

}  // namespace hullscope::parallel::detail

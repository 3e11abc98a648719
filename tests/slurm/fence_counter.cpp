// fence_counter FILE FENCES: under srun, how many PMIx fences were left before every rank had entered them?
//
// Slurm's PMIx plugin (seen in 22.05) has a bug: a fence without data uses its "tree" algorithm, in which a node whose
// tree is narrower than TreeWidth (50) waits for no other node. MPI_Init and MPI_Finalize contain such fences, so ranks
// may talk to peers that are not there yet. SLURM_PMIX_FENCE=ring, which our job scripts set, is the cure.
//
// FILE, which all ranks map, is where each rank says which fence it has entered. Rank 0 prints one line:
// "left early: N of FENCES"; the exit code is 0 whatever N.
#include <fcntl.h>
#include <pmix.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

// Of FILE: which fence a rank has entered last, one cell a rank, and then how many it left early.
using Cell = std::atomic<int>;
static_assert(Cell::is_always_lock_free && sizeof(Cell) == sizeof(int));

[[noreturn]] void give_up(const char* what, int code) {
  std::fprintf(stderr, "fence_counter: %s failed (%d)\n", what, code);
  std::exit(1);
}

unsigned ranks_of_job(const pmix_proc_t& me) {
  pmix_proc_t job = me;
  job.rank = PMIX_RANK_WILDCARD;
  pmix_value_t* value = nullptr;
  if (const int code = PMIx_Get(&job, PMIX_JOB_SIZE, nullptr, 0, &value); code != PMIX_SUCCESS)
    give_up("PMIx_Get(job size)", code);
  const unsigned size = value->data.uint32;
  PMIX_VALUE_RELEASE(value);
  return size;
}

Cell* map_cells(const char* path, std::size_t cells) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, static_cast<off_t>(cells * sizeof(Cell))) != 0) give_up("open", file);
  void* memory = mmap(nullptr, cells * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) give_up("mmap", 0);
  close(file);
  return static_cast<Cell*>(memory);
}

/// Enters one fence, late if it is this rank's turn to be; true if it was left before all had entered.
bool left_early(const pmix_proc_t& me, unsigned size, Cell* entered, int fence) {
  if (static_cast<unsigned>(fence) % size == me.rank) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  entered[me.rank].store(fence);
  if (const int code = PMIx_Fence(nullptr, 0, nullptr, 0); code != PMIX_SUCCESS) give_up("PMIx_Fence", code);
  for (unsigned rank = 0; rank < size; ++rank)
    if (entered[rank].load() < fence) return true;
  return false;
}

/// A barrier that does not rely on what is tested: all cells reach `value`, or 60 s have passed.
void wait_for_all(const Cell* cells, unsigned size, int value) {
  for (int tries = 0; tries < 6000; ++tries) {
    unsigned there = 0;
    for (unsigned rank = 0; rank < size; ++rank) there += cells[rank].load() >= value;
    if (there == size) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  give_up("waiting for the other ranks", 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: fence_counter FILE FENCES\n"), 2;
  const int fences = std::atoi(argv[2]);
  pmix_proc_t me;
  if (const int code = PMIx_Init(&me, nullptr, 0); code != PMIX_SUCCESS) give_up("PMIx_Init", code);
  const unsigned size = ranks_of_job(me);
  Cell* entered = map_cells(argv[1], 2 * std::size_t{size});
  Cell* early = entered + size;
  for (int fence = 1; fence <= fences; ++fence) early[me.rank] += left_early(me, size, entered, fence);
  entered[me.rank].store(fences + 1);
  wait_for_all(entered, size, fences + 1);
  int worst = 0;
  for (unsigned rank = 0; rank < size; ++rank) worst = std::max(worst, early[rank].load());
  if (me.rank == 0) std::printf("left early: %d of %d\n", worst, fences);
  std::fflush(stdout);
  // No rank may leave the job while another still reads: the last word is said by cells, too.
  entered[me.rank].store(fences + 2);
  wait_for_all(entered, size, fences + 2);
  PMIx_Finalize(nullptr, 0);
  return 0;
}

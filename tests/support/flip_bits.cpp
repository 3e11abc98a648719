// flip_bits FILE.h5 COUNT SEED: flips one random bit of a copy of the file, COUNT times; every time the file must be
// refused (it cannot be read, or its content digest does not fit), unless the bit is no part of its content: then all
// verdicts and proofs read as before. Each is read in a child: store/ looks at a file's structure before it reads it,
// and yet libhdf5 1.10 breaks its heap on a rare damage of the rest. That refuses the file, too; it must stay below 1
// %.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>

#include <hullscope/base/random.hpp>

#include "../../jobs/hull_file.hpp"

using namespace hullscope;

namespace {

/// Everything that verify would judge, as text.
std::string content(const std::string& path) {
  const jobs::HullFile file(path);
  std::string out = file.attributes().points + file.attributes().queries + file.attributes().points_digest +
                    file.attributes().queries_digest + "\n";
  const auto bytes = [&](const auto& values) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  bytes(file.samples());
  for (const proof::Proof& p : file.proofs(0, file.queries())) {
    out += static_cast<char>(p.verdict);
    bytes(std::vector<double>{p.distance_lower, p.distance_upper});
    bytes(p.support);
    bytes(p.weight);
    bytes(p.direction);
    for (const std::string& x : p.exact_direction) out += x + " ";
  }
  return out;
}

enum Outcome { kSame = 0, kRefused = 1, kAccepted = 2 };

/// In a child: is the damaged file refused?
Outcome judge(const std::string& path, const std::string& original) {
  try {
    if (store::ArtifactReader(path, "hull").content_digest() != store::compute_content_digest(path)) return kRefused;
    return content(path) == original ? kSame : kAccepted;
  } catch (const std::exception&) {
    return kRefused;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string path = argv[1], copy = path + ".flipped";
  const std::uint64_t seed = std::strtoull(argv[3], nullptr, 10);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::string original = content(path);
  const std::uint64_t flips = std::strtoull(argv[2], nullptr, 10);
  std::uint64_t counts[3] = {}, ended = 0;
  for (std::uint64_t i = 0; i < flips; ++i) {
    RandomStream random(stream_key(seed, "flip"), i);
    std::string damaged = bytes;
    const std::uint64_t bit = random.below(8 * bytes.size());
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << damaged;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);  // an endless loop is an end, too
      _exit(judge(copy, original));
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) {
      ++ended;
      continue;
    }
    ++counts[WEXITSTATUS(status)];
    if (WEXITSTATUS(status) == kAccepted) std::cout << "accepted: bit " << bit << " (seed " << seed << ")\n";
  }
  std::remove(copy.c_str());
  std::cout << "refused " << counts[kRefused] << ", no content " << counts[kSame] << ", accepted " << counts[kAccepted]
            << ", ended the reader " << ended << "\n";
  return counts[kAccepted] == 0 && ended <= flips / 100 ? 0 : 1;
}

// A file under a temporary name in its final folder, which becomes the final file at once or never. Private to store/.
#pragma once
#include <cstdint>
#include <string>

namespace hullscope::store::detail {

/// Not collective: one process owns it.
class FileInProgress {
 public:
  /// Makes the folder, removes what dead writers of the same file left, creates the temporary file (empty).
  /// Throws EnvironmentError.
  explicit FileInProgress(std::string final_path);
  ~FileInProgress();  ///< removes the temporary file unless it was published
  FileInProgress(const FileInProgress&) = delete;
  FileInProgress& operator=(const FileInProgress&) = delete;

  const std::string& path() const { return path_; }
  /// Takes the space of the first `bytes` bytes from the file system, so that writing them cannot fail for want of it;
  /// does nothing where the file system offers no such thing. Throws EnvironmentError on a full disk or quota.
  void reserve(std::uint64_t bytes) const;
  /// fsync, rename to the final name, fsync of the folder. Throws EnvironmentError.
  void publish();

 private:
  std::string final_path_, path_;
};

/// Removes temporaries of dead writers from a folder: of the file `name`, or of any file if it is empty.
void remove_stale(const std::string& folder, const std::string& name);

std::string host_name();

/// "the disk is full; free some space ..." and the like: errno in words, with how to mend it.
std::string reason_of(int error);

}  // namespace hullscope::store::detail

// HDF5 1.10 crashes on some damaged files (3 % of single bit flips in a file of h5py's default format). So a child
// process looks at a file's structure before this one does. Private to store/.
#pragma once
#include <sys/stat.h>

#include <string>

namespace hullscope::store::detail {

/// False if a child that opens every group, data set and attribute of the file, every chunk index and every text is
/// killed by a signal. Remembers files that passed (by device, inode, size and time). `info`: the file's.
bool survives_probe(const std::string& path, const struct stat& info);

}  // namespace hullscope::store::detail

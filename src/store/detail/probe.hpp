// HDF5 1.10 crashes on some damaged files (3 % of single bit flips in a file of h5py's default format). So a child
// process looks at a file's structure before this one does. Private to store/.
#pragma once
#include <sys/stat.h>

#include <string>
#include <tuple>
#include <vector>

namespace hullscope::store::detail {

/// What changes when a file's content does: device, inode, size and time.
using Identity = std::tuple<dev_t, ino_t, off_t, time_t, long>;
Identity identity_of(const struct stat& info);

/// False if a child that opens every group, data set and attribute of the file, every chunk index and every text is
/// killed by a signal. Remembers files that passed (by device, inode, size and time). `info`: the file's.
bool survives_probe(const std::string& path, const struct stat& info);

/// One child looks at all of these files that have not passed, which costs less than a child each. If it is killed
/// nothing is known of any: each is tried alone once it is opened. Files that are not there are passed over.
void probe_together(const std::vector<std::string>& paths);

}  // namespace hullscope::store::detail

# Tests of datasets/: readers, synthetic sets, named sets.
find_package(ZLIB REQUIRED)
hullscope_test(datasets_array_test SOURCES unit/datasets_array_test.cpp
  LIBRARIES hullscope::datasets hullscope::store ZLIB::ZLIB)

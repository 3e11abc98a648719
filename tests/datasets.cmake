# Tests of datasets/: readers, synthetic sets, named sets.
find_package(ZLIB REQUIRED)
hullscope_test(datasets_array_test SOURCES unit/datasets_array_test.cpp
  LIBRARIES hullscope::datasets hullscope::store ZLIB::ZLIB)
hullscope_test(datasets_rows_test SOURCES unit/datasets_rows_test.cpp
  LIBRARIES hullscope::datasets hullscope::store ZLIB::ZLIB)
hullscope_test(datasets_split_test SOURCES unit/datasets_split_test.cpp LIBRARIES hullscope::datasets ZLIB::ZLIB)
hullscope_test(datasets_shift_test SOURCES unit/datasets_shift_test.cpp LIBRARIES hullscope::datasets)
hullscope_test(datasets_synthetic_test SOURCES property/datasets_synthetic_test.cpp
  LIBRARIES hullscope::datasets ZLIB::ZLIB)
hullscope_test(datasets_fuzz_test SOURCES fuzz/datasets_fuzz_test.cpp
  LIBRARIES hullscope::datasets ZLIB::ZLIB)
hullscope_test(datasets_mpi_test SOURCES mpi/datasets_mpi_test.cpp mpi/mpi_main.cpp
  LIBRARIES hullscope::datasets ZLIB::ZLIB GTest::gmock
  RANKS 1 2 3 5)
hullscope_test(datasets_data_test SOURCES unit/datasets_data_test.cpp LIBRARIES hullscope::datasets ZLIB::ZLIB
  LABELS data)
hullscope_script_test(datasets_cli
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/cli/datasets.py $<TARGET_FILE:hullscope_job_datasets>)

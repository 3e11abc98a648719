if(HULLSCOPE_WITH_TORCH)
  set(networks_tests ${CMAKE_CURRENT_LIST_DIR})
  # One program, run whole: starting LibTorch and MPI once a case would take longer than the cases.
  hullscope_test(networks_test SOURCES ${networks_tests}/unit/networks_test.cpp
      ${networks_tests}/unit/networks_training_test.cpp ${networks_tests}/unit/networks_encoding_test.cpp
      ${networks_tests}/mpi/mpi_main.cpp
    LIBRARIES hullscope::networks nlohmann_json::nlohmann_json GTest::gmock RANKS 1)
  hullscope_test(networks_mpi_test SOURCES ${networks_tests}/mpi/networks_mpi_test.cpp ${networks_tests}/mpi/mpi_main.cpp
    LIBRARIES hullscope::networks RANKS 1 2 3 5)
  hullscope_script_test(networks_stages LABELS mpi TIMEOUT 1200 COST 90
    COMMAND /usr/bin/python3 ${networks_tests}/cli/networks_stages.py
            $<TARGET_FILE:hullscope_job_train> $<TARGET_FILE:hullscope_job_extract> $<TARGET_FILE:hullscope_job_encode>)
endif()

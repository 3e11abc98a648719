hullscope_test(batch_test
  SOURCES unit/batch_profile_test.cpp unit/batch_layout_test.cpp unit/batch_script_test.cpp unit/batch_record_test.cpp
          unit/batch_efficiency_test.cpp
  LIBRARIES hullscope::batch fmt::fmt)
hullscope_script_test(batch_verbs_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/batch/verbs_test.py LABELS cli
  TIMEOUT 600)
if(HULLSCOPE_WITH_TORCH)  # a study with networks
  hullscope_script_test(missing_files_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/batch/missing_files_test.py
    LABELS e2e)
endif()

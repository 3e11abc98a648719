hullscope_test(batch_test
  SOURCES unit/batch_profile_test.cpp unit/batch_layout_test.cpp unit/batch_script_test.cpp unit/batch_record_test.cpp
          unit/batch_efficiency_test.cpp
  LIBRARIES hullscope::batch fmt::fmt)
foreach(script verbs failing trouble)  # a pretended Slurm
  hullscope_script_test(batch_${script}_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/batch/${script}_test.py
    LABELS cli TIMEOUT 600)
endforeach()
if(HULLSCOPE_WITH_TORCH)  # a study with networks
  hullscope_script_test(missing_files_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/batch/missing_files_test.py
    LABELS e2e)
endif()

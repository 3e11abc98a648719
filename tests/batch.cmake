hullscope_test(batch_test
  SOURCES unit/batch_profile_test.cpp unit/batch_layout_test.cpp unit/batch_script_test.cpp unit/batch_record_test.cpp
  LIBRARIES hullscope::batch fmt::fmt)

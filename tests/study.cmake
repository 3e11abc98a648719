hullscope_test(study_test SOURCES unit/study_file_test.cpp unit/plan_test.cpp property/study_round_trip_test.cpp
  LIBRARIES hullscope::study)

hullscope_test(study_test SOURCES unit/study_file_test.cpp unit/plan_test.cpp property/study_round_trip_test.cpp
  LIBRARIES hullscope::study)
hullscope_script_test(dispatcher_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/cli/dispatcher_test.py
  LABELS cli COST 40)
hullscope_script_test(data_only_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/cli/data_only_test.py
  LABELS cli)
if(HULLSCOPE_WITH_TORCH)  # whole studies train networks
  hullscope_script_test(whole_way_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/whole_way_test.py
    LABELS e2e COST 90)
  hullscope_script_test(test_sets_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_sets_test.py
    LABELS e2e COST 60)
  hullscope_script_test(own_model_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/own_model_test.py
    LABELS e2e COST 60)
  hullscope_script_test(kill_study_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/crash/kill_study_test.py
    LABELS crash COST 70)
endif()

hullscope_test(store_artifact_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/store_artifact_test.cpp
  LIBRARIES hullscope::store hullscope::parallel)

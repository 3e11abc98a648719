hullscope_test(proximity_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/property/proximity_test.cpp
  LIBRARIES hullscope::proximity)

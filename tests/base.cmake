hullscope_test(base_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/base_test.cpp LIBRARIES hullscope::base)

hullscope_test(linalg_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/linalg_test.cpp LIBRARIES hullscope::linalg)

hullscope_test(hull_membership_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/hull_membership_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
if(HULLSCOPE_WITH_PETSC)
  hullscope_test(hull_tao_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/hull_tao_test.cpp
    LIBRARIES hullscope::hull hullscope::proof hullscope::base)
endif()

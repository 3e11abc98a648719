hullscope_test(hull_membership_test SOURCES unit/hull_membership_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)

find_library(GMPXX_LIBRARY gmpxx REQUIRED)
set(proof_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(proof_test SOURCES ${proof_tests}/unit/proof_test.cpp LIBRARIES hullscope::proof)
hullscope_test(proof_property_test SOURCES ${proof_tests}/property/proof_property_test.cpp
  LIBRARIES hullscope::proof ${GMPXX_LIBRARY} ${GMP_LIBRARY})

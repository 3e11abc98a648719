find_library(GMPXX_LIBRARY gmpxx REQUIRED)
hullscope_test(proof_property_test SOURCES property/proof_property_test.cpp
  LIBRARIES hullscope::proof ${GMPXX_LIBRARY} ${GMP_LIBRARY})

hullscope_test(statistics_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/unit/statistics_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/unit/statistics_ranking_test.cpp ${CMAKE_CURRENT_LIST_DIR}/unit/statistics_logits_test.cpp
  LIBRARIES hullscope::statistics nlohmann_json::nlohmann_json)
# The committed values are what scipy, statsmodels and numpy say now.
hullscope_script_test(statistics_golden_values TIMEOUT 120
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/golden/make_statistics.py --check)
hullscope_test(neighbour_dimension_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/property/neighbour_dimension_test.cpp
  LIBRARIES hullscope::proximity hullscope::statistics)

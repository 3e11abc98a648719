hullscope_job(check SOURCES ${CMAKE_CURRENT_LIST_DIR}/check.cpp LIBRARIES hullscope::store hullscope::base)

if(HULLSCOPE_WITH_TORCH)
  hullscope_job(encode SOURCES encode.cpp task_groups.cpp LIBRARIES hullscope_stage hullscope_networks fmt::fmt)
endif()

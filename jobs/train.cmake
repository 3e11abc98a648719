if(HULLSCOPE_WITH_TORCH)
  hullscope_job(train SOURCES train.cpp task_groups.cpp LIBRARIES hullscope_stage hullscope_networks fmt::fmt)
endif()

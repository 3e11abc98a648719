if(HULLSCOPE_WITH_TORCH)
  hullscope_job(extract SOURCES extract.cpp LIBRARIES hullscope_stage hullscope_networks fmt::fmt)
endif()

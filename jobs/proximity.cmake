hullscope_job(proximity SOURCES proximity.cpp proximity_space.cpp
  LIBRARIES hullscope_stage hullscope_proximity hullscope_statistics fmt::fmt)

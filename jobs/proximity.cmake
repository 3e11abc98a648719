hullscope_job(proximity SOURCES proximity.cpp proximity_space.cpp
  LIBRARIES hullscope_stage hullscope_proximity fmt::fmt)

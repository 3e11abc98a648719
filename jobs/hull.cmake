hullscope_job(hull SOURCES hull.cpp hull_source.cpp hull_work.cpp hull_file.cpp spread.cpp
  LIBRARIES hullscope_stage hullscope_hull hullscope_proof fmt::fmt PkgConfig::OPENBLAS)

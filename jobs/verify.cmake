hullscope_job(verify SOURCES verify.cpp verify_data.cpp hull_file.cpp
  LIBRARIES hullscope_proof hullscope_store hullscope_datasets hullscope_parallel PkgConfig::OPENBLAS)

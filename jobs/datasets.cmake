find_package(fmt REQUIRED)
hullscope_job(datasets SOURCES datasets.cpp LIBRARIES hullscope::datasets fmt::fmt)

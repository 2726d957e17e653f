# What a builder may choose.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(NEARSKY_TESTS "Build the tests" ON)
option(NEARSKY_WERROR "Warnings are errors; scripts/test switches it on" OFF)
set(NEARSKY_SANITIZE "" CACHE STRING "Sanitizers for own code, e.g. address,undefined or thread")
set(NEARSKY_FAISS_ROOT "" CACHE PATH
    "An installed FAISS with the C API (lib/libfaiss_c.a, lib/libfaiss_avx2.a or libfaiss.a, include/faiss/c_api)")

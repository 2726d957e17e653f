# FAISS with its C API, as deps::faiss. Three ways, in this order:
#   -DNEARSKY_FAISS_ROOT=PREFIX   a FAISS of your own (newer, AVX-512, ...), installed or laid out as
#                                 PREFIX/lib/libfaiss_c.a, PREFIX/lib/libfaiss*.a, PREFIX/include/faiss
#   scripts/setup-faiss           the distribution's source package, built once into the cache
#   a system FAISS                where the distribution ships libfaiss_c (Debian 13)

set(root "${NEARSKY_FAISS_ROOT}")
if(NOT root)
  execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/setup-faiss" OUTPUT_VARIABLE root
                  OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    set(root /usr)
    message(WARNING "scripts/setup-faiss failed; trying the system's FAISS (slower: baseline x86-64)")
  endif()
endif()

find_library(faiss_c_library faiss_c PATHS "${root}/lib" "${root}/lib64" NO_DEFAULT_PATH NO_CACHE)
find_library(faiss_c_library faiss_c NO_CACHE)
find_library(faiss_library NAMES faiss_avx512 faiss_avx2 faiss
             PATHS "${root}/lib" "${root}/lib64" NO_DEFAULT_PATH NO_CACHE)
find_library(faiss_library NAMES faiss NO_CACHE)
find_path(faiss_include faiss/c_api/Index_c.h
          PATHS "${root}/include" NO_DEFAULT_PATH NO_CACHE)
find_path(faiss_include faiss/c_api/Index_c.h NO_CACHE)
if(NOT faiss_c_library OR NOT faiss_library OR NOT faiss_include)
  message(FATAL_ERROR "FAISS with its C API not found under ${root}: run scripts/setup-faiss, or give "
                      "-DNEARSKY_FAISS_ROOT=PREFIX")
endif()
message(STATUS "FAISS: ${faiss_library}, ${faiss_c_library}")

find_package(OpenMP REQUIRED COMPONENTS CXX)
# Imported ones, not mere files: what they need must come behind them, also where another room needs
# the same and comes first.
add_library(deps_faiss_core UNKNOWN IMPORTED)
set_target_properties(deps_faiss_core PROPERTIES IMPORTED_LOCATION "${faiss_library}")
target_link_libraries(deps_faiss_core INTERFACE deps::openblas OpenMP::OpenMP_CXX stdc++)
add_library(deps_faiss_c UNKNOWN IMPORTED)
set_target_properties(deps_faiss_c PROPERTIES IMPORTED_LOCATION "${faiss_c_library}")
target_link_libraries(deps_faiss_c INTERFACE deps_faiss_core)
add_library(deps_faiss INTERFACE)
target_include_directories(deps_faiss SYSTEM INTERFACE "${faiss_include}" "${faiss_include}/faiss/c_api")
target_link_libraries(deps_faiss INTERFACE deps_faiss_c)
add_library(deps::faiss ALIAS deps_faiss)

# What `nearsky info` says: FAISS has no version call in its C API before 1.9.
file(STRINGS "${faiss_include}/faiss/Index.h" lines REGEX "define FAISS_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
list(JOIN numbers "." version)
if(faiss_library MATCHES "avx512")
  set(simd "AVX-512")
elseif(faiss_library MATCHES "avx2" OR root MATCHES "nearsky/faiss-")
  set(simd "AVX2")
else()
  set(simd "as built by its installer")
endif()
set(NEARSKY_FAISS_TEXT "FAISS ${version} (${simd})")

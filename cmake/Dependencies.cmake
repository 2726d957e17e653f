# Third-party libraries: each found once here, linked by the one room that owns it.

find_package(PkgConfig REQUIRED)

# nsky_dependency(<name> <pkg-config module> <Debian package>): the imported target deps::<name>.
function(nsky_dependency name module package)
  pkg_check_modules(${name} IMPORTED_TARGET GLOBAL QUIET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} not found: apt-get install ${package} (scripts/demo installs everything)")
  endif()
  add_library(deps::${name} ALIAS PkgConfig::${name})
endfunction()

nsky_dependency(sqlite3 sqlite3 libsqlite3-dev)
nsky_dependency(zstd libzstd libzstd-dev)
nsky_dependency(zlib zlib zlib1g-dev)
nsky_dependency(sodium libsodium libsodium-dev)
nsky_dependency(cjson libcjson libcjson-dev)
nsky_dependency(cfitsio cfitsio libcfitsio-dev)
nsky_dependency(wcslib wcslib wcslib-dev)
nsky_dependency(turbojpeg libturbojpeg libturbojpeg0-dev)
nsky_dependency(png libpng libpng-dev)
nsky_dependency(xml2 libxml-2.0 libxml2-dev)
nsky_dependency(microhttpd libmicrohttpd libmicrohttpd-dev)
nsky_dependency(openblas openblas libopenblas-dev)
if(NEARSKY_TESTS)
  nsky_dependency(cmocka cmocka libcmocka-dev)
endif()

# oneDNN has no pkg-config file, and Debian's CMake package asks for OpenCL headers we do not use.
find_library(dnnl_library dnnl NO_CACHE)
find_path(dnnl_include oneapi/dnnl/dnnl.h NO_CACHE)
if(NOT dnnl_library OR NOT dnnl_include)
  message(FATAL_ERROR "oneDNN not found: apt-get install libdnnl-dev (scripts/demo installs everything)")
endif()
add_library(deps_dnnl INTERFACE)
target_include_directories(deps_dnnl SYSTEM INTERFACE "${dnnl_include}")
target_link_libraries(deps_dnnl INTERFACE "${dnnl_library}")
find_package(OpenMP REQUIRED COMPONENTS C)
target_link_libraries(deps_dnnl INTERFACE OpenMP::OpenMP_C) # its threads are libgomp's: one each
add_library(deps::dnnl ALIAS deps_dnnl)

# LIBLINEAR has no pkg-config file either.
find_library(liblinear_library linear NO_CACHE)
find_path(liblinear_include linear.h NO_CACHE)
if(NOT liblinear_library OR NOT liblinear_include)
  message(FATAL_ERROR "LIBLINEAR not found: apt-get install liblinear-dev (scripts/demo installs everything)")
endif()
add_library(deps_liblinear INTERFACE)
target_include_directories(deps_liblinear SYSTEM INTERFACE "${liblinear_include}")
target_link_libraries(deps_liblinear INTERFACE "${liblinear_library}")
add_library(deps::liblinear ALIAS deps_liblinear)

include(Faiss)

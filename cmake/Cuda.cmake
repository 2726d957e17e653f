# The CUDA module, nearsky_cuda.so: -DNEARSKY_CUDA=AUTO (where nvcc and cuDNN 9 are found), ON or OFF.
# nvcc is taken from PATH, CUDA_HOME or /usr/local/cuda; cuDNN from beside it, from the system, or from
# -DNEARSKY_CUDNN_ROOT=PREFIX (include/cudnn.h, lib/libcudnn.so.9: a Python wheel's folder will do).
# Everything else builds and runs without either. Sets NEARSKY_HAVE_CUDA; deps::cudart and deps::cudnn
# belong to encoder/cuda alone.

set(NEARSKY_CUDA AUTO CACHE STRING "Build the CUDA module: AUTO, ON or OFF")
set(NEARSKY_CUDNN_ROOT "" CACHE PATH "A cuDNN 9: include/cudnn.h and lib/libcudnn.so.9")
set(NEARSKY_CUDA_ARCHITECTURES "80;90" CACHE STRING
    "Machine code for these; PTX of the last one serves newer cards")
set(NEARSKY_HAVE_CUDA FALSE)

function(nsky_find_cuda why)
  find_program(nvcc nvcc HINTS "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin NO_CACHE)
  if(NOT nvcc)
    set(${why} "nvcc" PARENT_SCOPE)
    return()
  endif()
  file(REAL_PATH "${nvcc}" nvcc)
  cmake_path(GET nvcc PARENT_PATH bin)
  cmake_path(GET bin PARENT_PATH home)
  set(libraries "${home}/lib64" "${home}/lib" "${home}/targets/x86_64-linux/lib")
  find_path(cudart_include cuda_runtime_api.h HINTS "${home}/include"
            "${home}/targets/x86_64-linux/include" NO_CACHE)
  find_library(cudart_library NAMES cudart_static cudart HINTS ${libraries} NO_CACHE)
  find_path(cudnn_include cudnn.h HINTS "${NEARSKY_CUDNN_ROOT}/include" "${home}/include" NO_CACHE)
  find_library(cudnn_library NAMES cudnn libcudnn.so.9 NAMES_PER_DIR
               HINTS "${NEARSKY_CUDNN_ROOT}/lib" ${libraries} NO_CACHE)
  foreach(part cudart_include cudart_library cudnn_include cudnn_library)
    if(NOT ${part})
      set(${why} "${part}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  file(STRINGS "${cudnn_include}/cudnn_version.h" major REGEX "define CUDNN_MAJOR [0-9]+")
  if(NOT major MATCHES "MAJOR 9")
    set(${why} "cuDNN 9 (${cudnn_include} has another)" PARENT_SCOPE)
    return()
  endif()
  find_package(Threads REQUIRED)
  add_library(deps_cudart INTERFACE)
  target_include_directories(deps_cudart SYSTEM INTERFACE "${cudart_include}")
  target_link_libraries(deps_cudart INTERFACE "${cudart_library}" Threads::Threads dl rt)
  add_library(deps::cudart ALIAS deps_cudart)
  add_library(deps_cudnn INTERFACE)
  target_include_directories(deps_cudnn SYSTEM INTERFACE "${cudnn_include}" "${cudart_include}")
  cmake_path(GET cudnn_library PARENT_PATH cudnn_folder)
  target_link_libraries(deps_cudnn INTERFACE "${cudnn_library}")
  # cuDNN opens its own parts by name: they are looked for where it lies.
  target_link_options(deps_cudnn INTERFACE "LINKER:-rpath,${cudnn_folder}")
  add_library(deps::cudnn ALIAS deps_cudnn)
  set(NEARSKY_NVCC "${nvcc}" PARENT_SCOPE)
  message(STATUS "CUDA module: ${nvcc}, ${cudnn_library}")
endfunction()

# nsky_cuda_object(<source.cu> <out variable> DEPENDS <file>...): the object file nvcc makes of it.
function(nsky_cuda_object source out)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(codes "")
  foreach(architecture ${NEARSKY_CUDA_ARCHITECTURES})
    list(APPEND codes "-gencode=arch=compute_${architecture},code=sm_${architecture}")
    set(last "${architecture}")
  endforeach()
  list(APPEND codes "-gencode=arch=compute_${last},code=compute_${last}")
  cmake_path(GET source FILENAME name)
  set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
  # No fused multiply-adds: preprocessing gives the CPU's bits.
  add_custom_command(OUTPUT "${object}"
    COMMAND "${NEARSKY_NVCC}" -ccbin "${CMAKE_CXX_COMPILER}" -std=c++17 -O3 --fmad=false
            -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra -Werror all-warnings ${codes} -I "${NEARSKY_ROOT}"
            -c "${source}" -o "${object}"
    DEPENDS "${source}" ${ARG_DEPENDS}
    COMMENT "Building CUDA object ${name}.o" VERBATIM)
  set(${out} "${object}" PARENT_SCOPE)
endfunction()

if(NOT NEARSKY_CUDA STREQUAL "OFF")
  set(nsky_cuda_missing "")
  nsky_find_cuda(nsky_cuda_missing)
  if(nsky_cuda_missing STREQUAL "")
    set(NEARSKY_HAVE_CUDA TRUE)
  elseif(NEARSKY_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA module: not built, ${nsky_cuda_missing} not found")
  else()
    message(FATAL_ERROR "NEARSKY_CUDA=ON, but ${nsky_cuda_missing} was not found: put nvcc on PATH or set "
                        "CUDA_HOME, and give -DNEARSKY_CUDNN_ROOT=PREFIX for cuDNN 9")
  endif()
endif()

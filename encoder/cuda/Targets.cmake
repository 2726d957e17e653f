# What the CUDA module is made of; the main build and bench/gpu (a bare machine's) both include this.
# nsky_cuda_core: all that does not know what a card is: it runs on device.h, whoever provides that.
# nsky_cuda_device: device.h on CUDA and cuDNN, and the kernels. nearsky_cuda: the module of both.

set(here "${CMAKE_CURRENT_LIST_DIR}")
cmake_path(SET NEARSKY_ROOT NORMALIZE "${here}/../..")

add_library(nsky_cuda_core OBJECT
  "${here}/cuda.c" "${here}/network.c" "${here}/network_values.c" "${here}/slots.c" "${here}/weights.c" "${here}/wire.c"
  "${here}/choices.c" "${here}/bytes.c" "${here}/views.c" "${here}/nccl.c" "${here}/nccl_meet.c" "${here}/train.c"
  "${here}/train_network.c" "${here}/train_plan.c" "${here}/train_layers.c" "${here}/train_loss.c"
  "${here}/train_learner.c" "${here}/train_step.c" "${here}/train_parts.c" "${here}/train_ranks.c"
  "${here}/nccl_watch.c"
  "${here}/train_state.c" "${here}/train_heads.c" "${here}/train_labels.c" "${here}/train_labels_step.c"
  "${NEARSKY_ROOT}/encoder/cpu/plan.c")
target_link_libraries(nsky_cuda_core PUBLIC nsky_flags)
target_compile_options(nsky_cuda_core PRIVATE -fvisibility=hidden)

# The parts of other rooms that it needs, none of which needs a library: the module is alone in its
# address space but for the CUDA runtime, and shows one symbol.
add_library(nsky_cuda_common OBJECT
  "${NEARSKY_ROOT}/common/error.c" "${NEARSKY_ROOT}/common/memory.c" "${NEARSKY_ROOT}/common/half.c"
  "${NEARSKY_ROOT}/common/log.c" "${NEARSKY_ROOT}/common/clock.c" "${NEARSKY_ROOT}/common/file.c" "${NEARSKY_ROOT}/common/directory.c"
  "${NEARSKY_ROOT}/image/stretch.c")
target_link_libraries(nsky_cuda_common PUBLIC nsky_flags)
target_compile_options(nsky_cuda_common PRIVATE -fvisibility=hidden -ffp-contract=off)

# nsky_cuda_module(<target> <library>...): a module of its own, beside the binary.
function(nsky_cuda_module target)
  add_library(${target} MODULE)
  target_link_libraries(${target} PRIVATE nsky_cuda_core nsky_cuda_common ${ARGN})
  target_link_options(${target} PRIVATE "LINKER:--exclude-libs,ALL")
  if(NOT NEARSKY_SANITIZE) # its runtime is the program's
    target_link_options(${target} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES PREFIX "" LINKER_LANGUAGE CXX C_VISIBILITY_PRESET hidden
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

if(NEARSKY_HAVE_CUDA)
  set(kernels "${here}/kernels.h" "${here}/kernel_pool.h" "${here}/kernel_prepare.h" "${here}/grid.h"
      "${here}/number.h" "${NEARSKY_ROOT}/encoder/preprocess_pixel.h"
      "${NEARSKY_ROOT}/image/stretch_pixel.h" "${NEARSKY_ROOT}/image/resample_tap.h")
  set(train_kernels "${here}/kernels_train.h" "${here}/kernel_rows.h" "${here}/kernel_norm.h"
      "${here}/kernel_back.h"
      "${here}/kernels_learn.h" "${here}/kernel_loss.h" "${here}/kernel_update.h"
      "${here}/kernels_heads.h" "${here}/kernel_heads.h" "${here}/grid.h" "${here}/number.h")
  nsky_cuda_object("${here}/kernels.cu" kernels_object DEPENDS "${here}/launch.h" ${kernels})
  nsky_cuda_object("${here}/kernels_train.cu" train_object DEPENDS "${here}/launch.h" ${train_kernels})
  nsky_cuda_object("${here}/kernels_views.cu" views_object DEPENDS "${here}/launch.h" "${here}/grid.h"
    "${here}/kernels_views.h" "${here}/kernel_views.h" "${here}/number.h"
    "${NEARSKY_ROOT}/common/rng_normal.h" "${NEARSKY_ROOT}/encoder/train/augment_pixel.h"
    "${NEARSKY_ROOT}/encoder/preprocess_pixel.h" "${NEARSKY_ROOT}/image/stretch_pixel.h")
  list(APPEND kernels_object "${train_object}" "${views_object}")
  add_library(nsky_cuda_device OBJECT
    "${here}/device.c" "${here}/device_conv.c" "${here}/dnn.c" "${here}/dnn_build.c")
  set_source_files_properties(${kernels_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  target_link_libraries(nsky_cuda_device PUBLIC nsky_flags deps::cudnn deps::cudart)
  target_compile_options(nsky_cuda_device PRIVATE -fvisibility=hidden)

  nsky_cuda_module(nearsky_cuda nsky_cuda_device)
  target_sources(nearsky_cuda PRIVATE "${here}/module.c" ${kernels_object})
endif()

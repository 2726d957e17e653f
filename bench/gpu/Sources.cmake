# The check's own files, and those it takes from the rooms: the oracle and what feeds it.
set(NSKY_GPU_CHECK_SOURCES)
foreach(file main layers int8 vectors views speed stamps weights train train_layers labels steps)
  list(APPEND NSKY_GPU_CHECK_SOURCES "${CMAKE_CURRENT_LIST_DIR}/${file}.c")
endforeach()
set(NSKY_GPU_CHECK_ROOMS)
foreach(file encoder/train/augment encoder/train/augment_make encoder/train/augment_take
             encoder/train/augment_noise encoder/train/augment_resample encoder/train/augment_blur
             encoder/arch encoder/graph encoder/int8 encoder/preprocess encoder/ref/ref image/resample image/stamp
             encoder/train/graph encoder/train/heads_loss encoder/train/loss encoder/train/sgd common/rng)
  list(APPEND NSKY_GPU_CHECK_ROOMS "${CMAKE_CURRENT_LIST_DIR}/../../${file}.c")
endforeach()

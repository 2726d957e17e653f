// kernels_views.cu - launches of kernel_views.h. Thread rule: a stream's order.
#include "encoder/cuda/kernel_views.h"
#include "encoder/cuda/launch.h"

extern "C" int nsky_launch_views_sample(const nsky_views_args *a, void *stream)
{
    return launch<nsky_views_args, nsky_views_sample_item>(
        a, (size_t)a->count * a->side_max * a->side_max, stream);
}

extern "C" int nsky_launch_views_fill(const nsky_views_args *a, void *stream)
{
    return launch_blocks<nsky_views_args, nsky_views_fill_block>(a, a->count, NSKY_VIEW_LANES,
                                                                 stream);
}

extern "C" int nsky_launch_views_blur(const nsky_views_args *a, void *stream)
{
    return launch<nsky_views_args, nsky_views_blur_item>(
        a, (size_t)a->count * 3 * a->size * a->side_max, stream);
}

extern "C" int nsky_launch_views_end(const nsky_views_args *a, void *stream)
{
    return launch<nsky_views_args, nsky_views_end_item>(a, (size_t)a->count * a->size * a->size,
                                                        stream);
}

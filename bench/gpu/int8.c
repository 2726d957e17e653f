/* int8.c - scales for a network of the check, from stamps that no check embeds; nearsky calibrate
 * does the same with a store's. Thread rule: one thread. */
#include "encoder/int8.h"
#include "bench/gpu/check.h"
#include "common/memory.h"

#define FIRST 100000u /* of the stamps */
#define STAMPS 32u

nsky_status check_calibrate(nsky_graph *graph, const nsky_preprocess *how, nsky_error *err)
{
    float *image = nsky_alloc((size_t)3 * how->size * how->size, sizeof *image, err);
    nsky_int8_gauge *gauge = NULL;
    nsky_status status = image ? NSKY_OK : err->status;

    if (status == NSKY_OK)
        status = nsky_int8_gauge_new(&gauge, graph, &nsky_backend_ref, err);
    for (uint32_t i = 0; i < STAMPS && status == NSKY_OK; i++) {
        nsky_stamp *stamp = NULL;
        if ((status = check_stamp_new(&stamp, FIRST + i, false, err)) == NSKY_OK &&
            (status = nsky_preprocess_run(how, stamp, image, err)) == NSKY_OK)
            status = nsky_int8_gauge_add(gauge, image, err);
        nsky_stamp_free(stamp);
    }
    if (status == NSKY_OK)
        status = nsky_int8_gauge_end(gauge, graph, err);
    nsky_int8_gauge_free(gauge);
    nsky_free(image);
    return status;
}

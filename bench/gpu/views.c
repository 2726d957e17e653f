/* views.c - augmented views made on the card against the CPU's, from the same counters: they should
 * have the same bits, and are let pass within the last digits. Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "common/half.h"
#include "common/memory.h"
#include "encoder/cuda/views.h"
#include "encoder/train/augment_private.h"

#define SEED 5
#define VIEWS_EACH 2u
#define CLOSE 1e-5f

typedef struct batch {
    const nsky_preprocess *how;
    nsky_augment_scratch *scratch;
    nsky_view *views; /* [count] */
    uint16_t *pixels;
    size_t pixel_count, pixels_max, floats; /* of one view */
    uint32_t count;
    float *want, *got; /* [count, 3, size, size] */
} batch;

static nsky_status put_stamp(batch *b, uint32_t number, nsky_error *err)
{
    nsky_augment_own own = {.ebv = 0.02f};
    nsky_stamp *stamp = NULL, *cut = NULL;
    nsky_status status = check_stamp_new(&stamp, number, false, err);

    if (status == NSKY_OK)
        status = nsky_augment_prepare(&cut, stamp, &nsky_augment_default, b->how, err);
    nsky_stamp *used = cut ? cut : stamp;
    size_t count = status == NSKY_OK ? (size_t)3 * used->width * used->height : 0;
    if (status == NSKY_OK && count > b->pixels_max - b->pixel_count)
        status = nsky_fail(err, NSKY_ELIMIT, "no room for stamp %u", number);
    if (status == NSKY_OK) {
        nsky_half_from_floats(b->pixels + b->pixel_count, used->pixels, count);
        nsky_half_to_floats(used->pixels, b->pixels + b->pixel_count, count);
        nsky_augment_know_noise(used, b->how, own.noise);
        status = nsky_augment_take(b->scratch, used, err);
    }
    for (uint32_t view = 0; view < VIEWS_EACH && status == NSKY_OK; view++, b->count++) {
        nsky_augment_numbers numbers;
        nsky_view *v = &b->views[b->count];
        nsky_augment_draw(&nsky_augment_default, &own, false, SEED, 1, number, view, &numbers);
        nsky_augment_make(b->scratch, &numbers, b->want + b->count * b->floats);
        *v = (nsky_view){.at = b->pixel_count, .width = used->width, .height = used->height};
        nsky_augment_recipe_of(b->how, used->width, used->height, used->scale_arcsec_px, &numbers,
                               &v->recipe);
    }
    b->pixel_count += count;
    nsky_stamp_free(cut);
    nsky_stamp_free(stamp);
    return status;
}

static nsky_status make_on_card(batch *b, nsky_error *err)
{
    nsky_dev *dev = NULL;
    nsky_views *views = NULL;
    const float *images;
    nsky_status status = nsky_dev_open(&dev, err);

    if (status == NSKY_OK)
        status = nsky_views_new(&views, dev, b->how, b->count, b->pixel_count,
                                NSKY_AUGMENT_RADIUS_MAX, err);
    if (status == NSKY_OK)
        status = nsky_views_run(views, b->views, b->count, b->pixels, b->pixel_count, &images, err);
    if (status == NSKY_OK)
        status = nsky_dev_copy_out(dev, b->got, images, b->count * b->floats * sizeof *b->got,
                                   NSKY_STREAM_COMPUTE, err);
    if (status == NSKY_OK)
        status = nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, err);
    nsky_views_free(views);
    nsky_dev_close(dev);
    return status;
}

static nsky_status judge(const batch *b, nsky_error *err)
{
    size_t all = b->count * b->floats, others = 0;
    float worst = 0;

    for (size_t i = 0; i < all; i++) {
        float off = fabsf(b->got[i] - b->want[i]);
        uint32_t got, want;
        memcpy(&got, &b->got[i], sizeof got);
        memcpy(&want, &b->want[i], sizeof want);
        others += got != want;              /* bits: two zeros differ, a NaN is itself */
        worst = off <= worst ? worst : off; /* NaN, too */
    }
    printf("{\"check\": \"views\", \"size\": %u, \"views\": %u, \"worst\": %.3g, "
           "\"other_bits\": %.6f}\n",
           b->how->size, b->count, (double)worst, (double)others / (double)all);
    return worst <= CLOSE ? NSKY_OK
                          : nsky_fail(err, NSKY_EMISMATCH, "a view is off by %.3g", (double)worst);
}

nsky_status check_views(const nsky_preprocess *how, const check_args *args, nsky_error *err)
{
    const size_t each = (size_t)3 * NSKY_STAMP_SIDE_MAX * NSKY_STAMP_SIDE_MAX;
    batch b = {.how = how, .floats = (size_t)3 * how->size * how->size};
    size_t count = (size_t)args->count * VIEWS_EACH;
    nsky_status status = nsky_augment_scratch_new(&b.scratch, &nsky_augment_default, how, err);

    b.pixels_max = args->count * each;
    if (status == NSKY_OK && (!(b.views = nsky_alloc_zero(count, sizeof *b.views, err)) ||
                              !(b.pixels = nsky_alloc(b.pixels_max, sizeof *b.pixels, err)) ||
                              !(b.want = nsky_alloc(count * b.floats, sizeof *b.want, err)) ||
                              !(b.got = nsky_alloc(count * b.floats, sizeof *b.got, err))))
        status = err->status;
    for (uint32_t i = 0; i < args->count && status == NSKY_OK; i++)
        status = put_stamp(&b, i, err);
    if (status == NSKY_OK && (status = make_on_card(&b, err)) == NSKY_OK)
        status = judge(&b, err);
    nsky_augment_scratch_free(b.scratch);
    nsky_free(b.views);
    nsky_free(b.pixels);
    nsky_free(b.want);
    nsky_free(b.got);
    return status;
}

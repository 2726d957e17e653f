/* test_cuda_views.c - views made by the card's kernels, compiled for the host, against the CPU's:
 * the same numbers, so the same bits. Thread rule: one thread. */
#include "tests/encoder/train_support.h"

#include "common/half.h"
#include "common/rng_normal.h"
#include "encoder/cuda/views.h"
#include "encoder/train/augment_private.h"
#include "tests/encoder/cuda_host/host_device.h"

static nsky_dev *dev;

static int setup(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    assert_ok(nsky_dev_open(&dev, &err), err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nsky_dev_close(dev);
    return 0;
}

/* Every number of a fill by its place, whatever its length and wherever it begins. */
static void test_normals_have_places(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 63, 64, 255, 256, 257, 1000};
    float out[1000];

    for (uint32_t item = 0; item < 3; item++) {
        nsky_rng rng = nsky_rng_at(UINT64_MAX - item, item, 7);
        rng.counter[0] = UINT32_MAX - 70; /* carries into the next word */
        uint32_t key[2], counter[4];
        memcpy(key, rng.key, sizeof key);
        memcpy(counter, rng.counter, sizeof counter);
        uint64_t blocks = 0;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            nsky_rng_fill_normal(&rng, out, counts[i]);
            for (uint64_t at = 0; at < counts[i]; at++) {
                float got = nsky_rng_normal_at(key, counter, blocks, at);
                assert_memory_equal(&got, &out[at], sizeof got);
            }
            blocks += nsky_rng_fill_blocks(counts[i]);
        }
    }
}

/* Stars and noise that float16 holds, and where asked holes, a lost corner, a whole band. */
static nsky_stamp *busy_stamp(uint32_t width, uint32_t height, double scale, uint32_t seed)
{
    static const float sky[3] = {0.004f, 0.006f, 0.015f};
    const double flux[3] = {4, 7, 9};
    nsky_stamp *stamp = new_stamp(width, height, scale);

    draw_sky(stamp, sky, seed);
    draw_star(stamp, flux, 1.5 + seed % 4, width / 5.0, -(double)height / 7);
    for (uint32_t band = 0; band < 3; band++)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) {
                float *at = nsky_stamp_band(stamp, band) + (size_t)y * width + x;
                *at = nsky_half_to_float(nsky_half_from_float(*at));
                if (seed % 3 == 1 && (x + y < width / 2 || (x % 31 == 7 && y % 17 == band)))
                    *at = NAN;
                if (seed % 7 == 5 && band == 1)
                    *at = NAN;
            }
    return stamp;
}

typedef struct batch {
    nsky_view *views;
    uint16_t *pixels;
    size_t pixel_count;
    uint32_t count;
    float *want; /* [count, 3, size, size] by the CPU */
} batch;

static void batch_free(batch *b)
{
    free(b->views);
    free(b->pixels);
    free(b->want);
    *b = (batch){.views = NULL};
}

/* Two views of each of a few stamps. */
static batch batch_new(const nsky_augment *augment, const nsky_preprocess *how,
                       const uint32_t sides[][2], uint32_t stamps, uint32_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t floats = (size_t)3 * how->size * how->size;
    batch b = {.views = calloc(2 * (size_t)stamps, sizeof *b.views),
               .want = malloc(2 * stamps * floats * sizeof *b.want)};
    nsky_augment_scratch *scratch;

    assert_ok(nsky_augment_scratch_new(&scratch, augment, how, &err), err);
    for (uint32_t i = 0; i < stamps; i++) {
        nsky_stamp *stamp = busy_stamp(sides[i][0], sides[i][1], i % 2 ? 0.262 : 0.23, seed + i);
        size_t count = (size_t)3 * stamp->width * stamp->height;
        nsky_augment_own own = {.ebv = i % 2 ? 0.03f : NAN};
        b.pixels = realloc(b.pixels, (b.pixel_count + count) * sizeof *b.pixels);
        nsky_half_from_floats(b.pixels + b.pixel_count, stamp->pixels, count);
        nsky_augment_know_noise(stamp, how, own.noise);
        assert_ok(nsky_augment_take(scratch, stamp, &err), err);
        for (uint32_t view = 0; view < 2; view++, b.count++) {
            nsky_augment_numbers numbers;
            nsky_view *v = &b.views[b.count];
            nsky_augment_draw(augment, &own, i % 2, 17, seed, i, view, &numbers);
            nsky_augment_make(scratch, &numbers, b.want + b.count * floats);
            v->at = b.pixel_count;
            v->width = stamp->width;
            v->height = stamp->height;
            nsky_augment_recipe_of(how, stamp->width, stamp->height, stamp->scale_arcsec_px,
                                   &numbers, &v->recipe);
        }
        b.pixel_count += count;
        nsky_stamp_free(stamp);
    }
    nsky_augment_scratch_free(scratch);
    return b;
}

static float *fetch(const float *images, size_t floats)
{
    nsky_error err = NSKY_ERROR_INIT;
    float *out = malloc(floats * sizeof *out);

    assert_ok(nsky_dev_copy_out(dev, out, images, floats * sizeof *out, NSKY_STREAM_COMPUTE, &err),
              err);
    assert_ok(nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, &err), err);
    return out;
}

static const uint32_t sides[][2] = {{152, 152}, {61, 60}, {1, 1}, {9, 140}, {300, 7}, {96, 96}};
#define STAMPS 6u

static void check(const nsky_augment *augment, const nsky_preprocess *how, uint32_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    batch b = batch_new(augment, how, sides, STAMPS, seed);
    size_t floats = (size_t)b.count * 3 * how->size * how->size;
    nsky_views *views;
    const float *images;

    assert_ok(
        nsky_views_new(&views, dev, how, b.count, b.pixel_count, NSKY_AUGMENT_RADIUS_MAX, &err),
        err);
    for (int run = 0; run < 3; run++) { /* what a batch leaves behind changes nothing */
        assert_ok(nsky_views_run(views, b.views, b.count, b.pixels, b.pixel_count, &images, &err),
                  err);
        float *got = fetch(images, floats);
        for (size_t i = 0; i < floats; i++)
            if (memcmp(&got[i], &b.want[i], sizeof *got) != 0)
                fail_msg("view %zu of seed %u, float %zu: %.9g, not %.9g", i / (floats / b.count),
                         seed, i % (floats / b.count), (double)got[i], (double)b.want[i]);
        free(got);
    }
    nsky_views_free(views);
    batch_free(&b);
    assert_int_equal(host_blocks(), 0);
}

static void test_views_are_the_cpus(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {64, 1, 33, 16, 2, 40};
    const nsky_augment *kinds[] = {&nsky_augment_default, &nsky_augment_stein, &nsky_augment_none};

    for (uint32_t i = 0; i < 12; i++) {
        nsky_preprocess how = nsky_preprocess_default;
        how.size = sizes[i % 6];
        if (i % 2) {
            const uint32_t channel[3] = {2, 0, 1};
            memcpy(how.channel, channel, sizeof channel);
            how.mean[1] = 0.2f, how.deviation[2] = 0.3f;
        }
        if (i % 4 == 3)
            how.stretch = NSKY_STRETCH_STEIN;
        check(kinds[i % 3], &how, 100 * i);
    }
}

/* Each augmentation alone, so that one that is wrong has a name. */
static void test_each_alone(void **state)
{
    (void)state;
    static const char *const words[] = {"reddening=0.3",   "flips=on",           "rotation=on",
                                        "zoom=0.2",        "blur=uniform",       "jitter=5",
                                        "noise=lognormal", "fill=on,rotation=on"};
    nsky_preprocess how = nsky_preprocess_default;

    how.size = 32;
    for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_augment augment = nsky_augment_none;
        assert_ok(nsky_augment_set(&augment, words[i], &err), err);
        check(&augment, &how, 1000 + 7 * i);
    }
}

/* Batch upon batch without waiting: each has its own stamps. */
static void test_batches_follow_one_another(void **state)
{
    (void)state;
    enum { RUNS = 5 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_preprocess how = nsky_preprocess_default;
    batch b[RUNS];
    float *got[RUNS];
    size_t most = 0, floats;
    const float *images;
    nsky_views *views;

    how.size = 24;
    for (uint32_t i = 0; i < RUNS; i++) {
        b[i] = batch_new(&nsky_augment_default, &how, sides + i % 2, 1 + i % 4, 40 + i);
        most = b[i].pixel_count > most ? b[i].pixel_count : most;
    }
    assert_ok(nsky_views_new(&views, dev, &how, 8, most, NSKY_AUGMENT_RADIUS_MAX, &err), err);
    for (uint32_t i = 0; i < RUNS; i++) {
        floats = (size_t)b[i].count * 3 * how.size * how.size;
        got[i] = malloc(floats * sizeof **got);
        uint16_t *lent = malloc(b[i].pixel_count * sizeof *lent);
        memcpy(lent, b[i].pixels, b[i].pixel_count * sizeof *lent);
        assert_ok(
            nsky_views_run(views, b[i].views, b[i].count, lent, b[i].pixel_count, &images, &err),
            err);
        memset(lent, 0x55, b[i].pixel_count * sizeof *lent); /* ours again */
        free(lent);
        assert_ok(nsky_dev_copy_out(dev, got[i], images, floats * sizeof **got, NSKY_STREAM_COMPUTE,
                                    &err),
                  err);
    }
    assert_ok(nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, &err), err);
    for (uint32_t i = 0; i < RUNS; i++) {
        floats = (size_t)b[i].count * 3 * how.size * how.size;
        assert_memory_equal(got[i], b[i].want, floats * sizeof **got);
        free(got[i]);
        batch_free(&b[i]);
    }
    nsky_views_free(views);
    assert_int_equal(host_blocks(), 0);
}

/* More views than are in the making at once: as if each had been alone. */
static void test_many_views(void **state)
{
    (void)state;
    enum { TIMES = 90 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_preprocess how = nsky_preprocess_default;
    const float *images;
    nsky_views *views;

    how.size = 8;
    batch b = batch_new(&nsky_augment_none, &how, sides + 1, 3, 9);
    size_t floats = (size_t)3 * how.size * how.size;
    nsky_view *each = calloc((size_t)TIMES * b.count, sizeof *each);
    float *got = malloc(TIMES * b.count * floats * sizeof *got);
    for (uint32_t i = 0; i < TIMES * b.count; i++)
        each[i] = b.views[i % b.count];
    assert_ok(nsky_views_new(&views, dev, &how, TIMES * b.count, b.pixel_count, 0, &err), err);
    assert_ok(nsky_views_run(views, each, TIMES * b.count, b.pixels, b.pixel_count, &images, &err),
              err);
    assert_ok(nsky_dev_copy_out(dev, got, images, TIMES * b.count * floats * sizeof *got,
                                NSKY_STREAM_COMPUTE, &err),
              err);
    assert_ok(nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, &err), err);
    for (uint32_t i = 0; i < TIMES * b.count; i++)
        assert_memory_equal(got + i * floats, b.want + i % b.count * floats, floats * sizeof *got);
    nsky_views_free(views);
    free(each);
    free(got);
    batch_free(&b);
    assert_int_equal(host_blocks(), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_preprocess how = nsky_preprocess_default;
    nsky_views *views;
    const float *images;

    how.size = 16;
    batch b = batch_new(&nsky_augment_default, &how, sides + 1, 1, 3);
    assert_ok(nsky_views_new(&views, dev, &how, 2, b.pixel_count, 4, &err), err);
    assert_fails(nsky_views_run(views, b.views, 3, b.pixels, b.pixel_count, &images, &err),
                 NSKY_ELIMIT, err, "room for 2");
    b.views[1].recipe.margin = 5;
    assert_fails(nsky_views_run(views, b.views, 2, b.pixels, b.pixel_count, &images, &err),
                 NSKY_ELIMIT, err, "view");
    b.views[0].recipe.margin = b.views[1].recipe.margin = 0;
    for (int band = 0; band < 3; band++)
        b.views[0].recipe.bands[band].radius = b.views[1].recipe.bands[band].radius = 0;
    assert_ok(nsky_views_run(views, b.views, 2, b.pixels, b.pixel_count, &images, &err), err);
    b.views[1].at = 1;
    assert_fails(nsky_views_run(views, b.views, 2, b.pixels, b.pixel_count, &images, &err),
                 NSKY_ELIMIT, err, "view 1");
    b.views[1].at = UINT64_MAX;
    assert_fails(nsky_views_run(views, b.views, 2, b.pixels, b.pixel_count, &images, &err),
                 NSKY_ELIMIT, err, "view 1");
    b.views[1].at = 0, b.views[1].recipe.origin[0] = NAN;
    assert_fails(nsky_views_run(views, b.views, 2, b.pixels, b.pixel_count, &images, &err),
                 NSKY_ELIMIT, err, "view 1");
    nsky_views_free(views);
    batch_free(&b);
}

static nsky_status one_batch(void *context, nsky_error *err)
{
    const batch *b = context;
    nsky_preprocess how = nsky_preprocess_default;
    nsky_views *views;
    const float *images;

    how.size = 16;
    nsky_status status = nsky_views_new(&views, dev, &how, 2, b->pixel_count, 32, err);
    if (status != NSKY_OK)
        return status;
    status = nsky_views_run(views, b->views, 2, b->pixels, b->pixel_count, &images, err);
    nsky_views_free(views);
    return status;
}

static void test_memory_and_calls_run_out(void **state)
{
    (void)state;
    nsky_preprocess how = nsky_preprocess_default;

    how.size = 16;
    batch b = batch_new(&nsky_augment_default, &how, sides + 1, 1, 3);
    assert_true(exhaust_memory(one_batch, &b) > 8);
    for (unsigned n = 1;; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        host_lose_at(n);
        nsky_status status = one_batch(&b, &err);
        host_lose_at(0);
        assert_int_equal(host_blocks(), 0);
        if (status == NSKY_OK)
            break;
        assert_int_equal(status, NSKY_EDEVICE);
        assert_true(n < 100);
    }
    batch_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normals_have_places),
        cmocka_unit_test(test_views_are_the_cpus),
        cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_batches_follow_one_another),
        cmocka_unit_test(test_many_views),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory_and_calls_run_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* test_threads.c - different handles in different threads, all rooms of CFITSIO and wcslib at once.
 */
#include <pthread.h>

#include "fits/wcs.h"
#include "writer_support.h"

enum { THREADS = 4, ROUNDS = 25 };

typedef struct worker {
    pthread_t thread;
    const void *data;
    size_t bytes;
    bool passed;
} worker;

static bool read_back(const worker *w, const void *data, size_t bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *fits = NULL;
    nsky_fits_hdu hdu;
    nsky_wcs *wcs = NULL;
    float pixels[WIDTH * HEIGHT];
    double reals[3], scale = 0;
    char text[16];
    bool same = bytes == w->bytes && memcmp(data, w->data, bytes) == 0;
    bool ok = nsky_fits_open_memory(&fits, data, bytes, "shared", &err) == NSKY_OK &&
              nsky_fits_select(fits, 1, &hdu, &err) == NSKY_OK &&
              nsky_fits_read_box(fits, 2, 0, 0, WIDTH, HEIGHT, pixels, &err) == NSKY_OK &&
              nsky_fits_key_string(fits, "FILTER", text, sizeof text) &&
              !nsky_fits_key_string(fits, "NOTHERE", text, sizeof text) &&
              nsky_wcs_open(&wcs, fits, &err) == NSKY_OK &&
              nsky_fits_select(fits, 2, &hdu, &err) == NSKY_OK &&
              nsky_fits_read_doubles(fits, "RA", 0, 3, reals, &err) == NSKY_OK &&
              nsky_fits_read_doubles(fits, "ABSENT", 0, 3, reals, &err) == NSKY_ENOTFOUND;

    if (ok)
        scale = nsky_wcs_scale_arcsec_px(wcs);
    nsky_wcs_close(wcs);
    nsky_fits_close(fits);
    return same && ok && fabs(scale - 0.262) < 1e-9;
}

static void *work(void *context)
{
    worker *w = context;
    nsky_error err = NSKY_ERROR_INIT;
    float *pixels = make_pixels(true);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);

    w->passed = true;
    for (int i = 0; i < ROUNDS && w->passed; i++) {
        void *data = NULL;
        size_t bytes = 0;
        nsky_fits *none;
        w->passed =
            in_memory(&data, &bytes, &image, &err) == NSKY_OK && read_back(w, data, bytes) &&
            nsky_fits_open_memory(&none, "SIMPLE  = nonsense", 18, "bad", &err) == NSKY_EDATA;
        nsky_free(data);
    }
    free(pixels);
    return NULL;
}

static void test_threads_do_not_mix(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    worker workers[THREADS];
    float *pixels = make_pixels(true);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);
    void *data;
    size_t bytes;

    assert_ok(in_memory(&data, &bytes, &image, &err), err);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.data = data, .bytes = bytes};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_true(workers[i].passed);
    }
    nsky_free(data);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads_do_not_mix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

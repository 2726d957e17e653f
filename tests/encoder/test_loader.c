/* test_loader.c - batches: the same whatever the threads, the memory and where one starts. */
#include "common/half.h"
#include "encoder/train/loader.h"
#include "encoder/train/order.h"
#include "encoder/train/sheet.h"
#include "image/codec.h"
#include "tests/encoder/train_support.h"

#define SIZE 24u
#define BATCH 5u
#define ROWS_A 14u
#define ROWS_B 9u
#define IMAGE ((size_t)3 * SIZE * SIZE)
#define BATCH_FLOATS (2 * BATCH * IMAGE)

static char folder[] = "/tmp/nearsky-loader-XXXXXX", store_a[64], store_b[64];

static const char *const both[] = {store_a, store_b};

static nsky_loader_options options(void)
{
    nsky_loader_options o = {.stores = both,
                             .store_count = 2,
                             .preprocess = nsky_preprocess_default,
                             .augment = nsky_augment_default,
                             .views = 2,
                             .batch = BATCH,
                             .seed = 11,
                             .threads = 2};
    o.preprocess.size = SIZE;
    return o;
}

static nsky_loader *open_with(const nsky_loader_options *o)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_loader *l;

    assert_ok(nsky_loader_open(&l, o, &err), err);
    return l;
}

/* The next `batches` as one array of images, rows behind. */
static void collect(nsky_loader *l, uint32_t batches, float *images, uint64_t *rows)
{
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t i = 0; i < batches; i++) {
        const float *batch;
        const uint64_t *its_rows;
        assert_ok(nsky_loader_next(l, &batch, &its_rows, &err), err);
        memcpy(images + i * BATCH_FLOATS, batch, BATCH_FLOATS * sizeof(float));
        memcpy(rows + (size_t)i * BATCH, its_rows, BATCH * sizeof *rows);
    }
}

static void threads_and_memory_change_nothing(void **state)
{
    enum { BATCHES = 9 }; /* into the third epoch */
    float *first = calloc(BATCHES, BATCH_FLOATS * sizeof(float));
    float *again = calloc(BATCHES, BATCH_FLOATS * sizeof(float));
    uint64_t rows[BATCHES * BATCH], other[BATCHES * BATCH];
    static const struct {
        uint32_t threads;
        uint64_t memory;
    } ways[] = {{1, 0}, {3, 0}, {2, 1}, {7, 20000}};

    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        nsky_loader_options o = options();
        o.threads = ways[way].threads;
        o.memory_bytes = ways[way].memory;
        nsky_loader *l = open_with(&o);
        collect(l, BATCHES, way ? again : first, way ? other : rows);
        nsky_loader_close(l);
        if (way) {
            assert_memory_equal(first, again, BATCHES * BATCH_FLOATS * sizeof(float));
            assert_memory_equal(rows, other, sizeof rows);
        }
    }
    nsky_loader_options o = options();
    o.seed++;
    nsky_loader *l = open_with(&o);
    collect(l, 1, again, other);
    nsky_loader_close(l);
    assert_memory_not_equal(first, again, BATCH_FLOATS * sizeof(float));
    free(first);
    free(again);
}

static void carries_on_where_it_was(void **state)
{
    nsky_loader_options o = options();
    nsky_loader *l = open_with(&o);
    nsky_error err = NSKY_ERROR_INIT;
    float *all = calloc(9, BATCH_FLOATS * sizeof(float));
    float *one = calloc(2, BATCH_FLOATS * sizeof(float));
    uint64_t rows[9 * BATCH], its[2 * BATCH];

    (void)state;
    assert_int_equal(nsky_loader_rows(l), ROWS_A + ROWS_B);
    assert_int_equal(nsky_loader_steps(l), 4);
    collect(l, 9, all, rows);
    static const uint32_t places[] = {5, 0, 7, 4, 3, 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint32_t at = places[i]; /* 4: also as the end of epoch 0 */
        assert_ok(nsky_loader_seek(l, i == 3 ? 0 : at / 4, i == 3 ? 4 : at % 4, &err), err);
        collect(l, 2, one, its);
        assert_memory_equal(one, all + at * BATCH_FLOATS, 2 * BATCH_FLOATS * sizeof(float));
        assert_memory_equal(its, rows + (size_t)at * BATCH, sizeof its);
    }
    assert_fails(nsky_loader_seek(l, 0, 5, &err), NSKY_EINVAL, err, "4 steps");
    nsky_loader_close(l);
    free(all);
    free(one);
}

static double largest_difference(const float *a, const float *b)
{
    double most = 0;

    for (size_t i = 0; i < IMAGE; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* Views of one row differ, and are those of nsky_augment_view on the stamp as stored. */
static void views_are_the_augmentations(void **state)
{
    nsky_loader_options o = options();
    nsky_loader *l = open_with(&o);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_augment_scratch *scratch;
    const uint64_t *rows;
    const float *images;
    float expected[IMAGE], plain[IMAGE], direct[IMAGE];

    (void)state;
    assert_ok(nsky_augment_scratch_new(&scratch, &o.augment, &o.preprocess, &err), err);
    assert_ok(nsky_loader_seek(l, 1, 2, &err), err);
    assert_ok(nsky_loader_next(l, &images, &rows, &err), err);
    for (uint32_t i = 0; i < BATCH; i++) {
        nsky_augment_own own = {NAN, {NAN, NAN, NAN}};
        nsky_object object;
        nsky_stamp *stamp;
        assert_memory_not_equal(images + i * IMAGE, images + (BATCH + i) * IMAGE, sizeof plain);
        assert_ok(nsky_loader_object(l, rows[i], &object, &err), err);
        assert_string_equal(nsky_loader_store(l, rows[i]), rows[i] < ROWS_A ? store_a : store_b);
        assert_int_equal(object.row, rows[i] < ROWS_A ? rows[i] : rows[i] - ROWS_A);
        assert_ok(nsky_loader_stamp(l, rows[i], &stamp, &err), err);
        own.ebv = object.ebv;
        assert_ok(nsky_loader_plain(l, rows[i], plain, &err), err);
        assert_ok(nsky_preprocess_run(&o.preprocess, stamp, direct, &err), err);
        assert_memory_equal(plain, direct, sizeof plain);
        for (size_t p = 0; p < (size_t)3 * stamp->width * stamp->height; p++)
            stamp->pixels[p] = nsky_half_to_float(nsky_half_from_float(stamp->pixels[p]));
        for (uint32_t view = 0; view < 2; view++) {
            assert_ok(nsky_augment_view(&o.augment, &o.preprocess, stamp, &own, o.seed, 1, rows[i],
                                        view, expected, scratch, &err),
                      err);
            if (rows[i] < ROWS_A)
                assert_memory_equal(images + (view * BATCH + i) * IMAGE, expected, sizeof expected);
            else /* averaged down before it is laid down as float16 */
                assert_true(largest_difference(images + (view * BATCH + i) * IMAGE, expected) <
                            2e-3);
        }
        nsky_stamp_free(stamp);
    }
    nsky_augment_scratch_free(scratch);
    nsky_loader_close(l);
}

static void orders_visit_every_row_once(void **state)
{
    static const uint64_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 1000, 65537};
    char seen[65537];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            memset(seen, 0, sizeof seen);
            for (uint64_t place = 0; place < sizes[i]; place++) {
                uint64_t row = nsky_order_at(42, epoch, sizes[i], place);
                assert_true(row < sizes[i]);
                assert_int_equal(seen[row]++, 0);
            }
        }
    /* Large ones, too, are within bounds; inverse checks would need them all. */
    for (uint64_t place = 0; place < 1000; place++)
        assert_true(nsky_order_at(1, 9, 76000000, place) < 76000000);
}

/* Places of a row over epochs are as if drawn anew: mean, variance, and no memory. */
static void orders_are_random(void **state)
{
    enum { ROWS = 1000, EPOCHS = 400 };
    double sum = 0, squares = 0, together = 0, before = 0;

    (void)state;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        double at = (double)nsky_order_at(3, epoch, ROWS, 77) / ROWS - 0.5;
        double neighbour = (double)nsky_order_at(3, epoch, ROWS, 78) / ROWS - 0.5;
        sum += at;
        squares += at * at;
        together += at * before + at * neighbour;
        before = at;
    }
    assert_true(fabs(sum / EPOCHS) < 4 * sqrt(1 / 12.0 / EPOCHS));
    assert_true(fabs(squares / EPOCHS - 1 / 12.0) < 4 * sqrt(1 / 180.0 / EPOCHS));
    assert_true(fabs(together / EPOCHS) < 4 * sqrt(2.0) / 12 / sqrt(EPOCHS));
}

static void refuses_what_cannot_be(void **state)
{
    nsky_loader_options o = options();
    nsky_error err;
    nsky_loader *l;

    (void)state;
    o.batch = ROWS_A + ROWS_B + 1;
    assert_fails(nsky_loader_open(&l, &o, &err), NSKY_EINVAL, err, "smaller batch");
    o.batch = 0;
    assert_fails(nsky_loader_open(&l, &o, &err), NSKY_EINVAL, err, "no images");
    o = options();
    o.store_count = 0;
    assert_fails(nsky_loader_open(&l, &o, &err), NSKY_EINVAL, err, "no store");
    o = options();
    o.views = 17;
    assert_fails(nsky_loader_open(&l, &o, &err), NSKY_ELIMIT, err, "views");
    const char *const nowhere[] = {"/nowhere/at/all"};
    o = options();
    o.stores = nowhere;
    o.store_count = 1;
    assert_fails(nsky_loader_open(&l, &o, &err), NSKY_ENOTFOUND, err, "nowhere");
    assert_null(l);
}

/* A damaged pack: an error, once more the same, and the rest of the loader lives. */
static void says_which_stamp_is_damaged(void **state)
{
    char path[96], pack[128];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_loader_options o = options();
    const uint64_t *rows;
    const float *images;

    (void)state;
    snprintf(path, sizeof path, "%s/damaged", folder);
    make_store(path, "damaged", 6, 16, 0.262);
    snprintf(pack, sizeof pack, "%s/stamps/000000.pack", path);
    FILE *file = fopen(pack, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -40, SEEK_END), 0);
    for (int i = 0; i < 30; i++)
        fputc(0x5a, file);
    fclose(file);
    o.stores = (const char *const[]){path};
    o.store_count = 1;
    o.batch = 6;
    nsky_loader *l = open_with(&o);
    assert_fails(nsky_loader_next(l, &images, &rows, &err), NSKY_EDATA, err, "000000.pack");
    nsky_error again;
    assert_fails(nsky_loader_next(l, &images, &rows, &again), NSKY_EDATA, again, "000000.pack");
    assert_string_equal(err.text, again.text);
    float plain[IMAGE];
    err = (nsky_error)NSKY_ERROR_INIT;
    assert_ok(nsky_loader_plain(l, 0, plain, &err), err);
    nsky_loader_close(l);
}

static void paints_a_sheet(void **state)
{
    static const char *const names[] = {"sheet.png", "sheet.jpg"};
    nsky_loader_options o = options();
    nsky_loader *l = open_with(&o);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;
    float plain[IMAGE];
    char path[96];
    size_t bytes;
    void *data;

    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_ok(nsky_augment_sheet(l, 3, 4, path, &err), err);
        assert_ok(nsky_file_read(&data, &bytes, path, 1 << 24, &err), err);
        assert_true(i ? nsky_picture_is_jpeg(data, bytes) : nsky_picture_is_png(data, bytes));
        assert_ok(nsky_picture_decode(&picture, data, bytes, path, &err), err);
        assert_int_equal(picture->width, 5 * (2 * SIZE + 2) - 2);
        assert_int_equal(picture->height, 3 * (2 * SIZE + 2) - 2);
        if (i == 0) { /* the lowest row's red, blue at the lower left of the first picture */
            assert_ok(nsky_loader_plain(l, 0, plain, &err), err);
            const uint8_t *rgb = picture->rgb + (size_t)3 * (2 * SIZE - 1) * picture->width;
            assert_int_equal(rgb[0], (int)(plain[2 * SIZE * SIZE] * 255 + 0.5f));
            assert_int_equal(rgb[2], (int)(plain[0] * 255 + 0.5f));
        }
        nsky_picture_free(picture);
        nsky_free(data);
    }
    assert_fails(nsky_augment_sheet(l, 0, 4, path, &err), NSKY_EINVAL, err, "shows nothing");
    assert_fails(nsky_augment_sheet(l, 3, 4000, path, &err), NSKY_ELIMIT, err, "room");
    nsky_loader_close(l);
}

static nsky_status open_and_close(void *context, nsky_error *err)
{
    nsky_loader *l;
    nsky_status status = nsky_loader_open(&l, context, err);

    if (status == NSKY_OK)
        nsky_loader_close(l);
    return status;
}

static void survives_lack_of_memory(void **state)
{
    nsky_loader_options o = options();

    (void)state;
    assert_true(exhaust_memory(open_and_close, &o) > 5);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(store_a, sizeof store_a, "%s/a", folder);
    snprintf(store_b, sizeof store_b, "%s/b", folder);
    make_store(store_a, "a", ROWS_A, 38, 0.262);
    make_store(store_b, "b", ROWS_B, 71, 0.1); /* another telescope */
    return 0;
}

static int tear_down(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    assert_ok(nsky_remove_tree(folder, &err), err);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_memory_change_nothing),
        cmocka_unit_test(carries_on_where_it_was),
        cmocka_unit_test(views_are_the_augmentations),
        cmocka_unit_test(orders_visit_every_row_once),
        cmocka_unit_test(orders_are_random),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(says_which_stamp_is_damaged),
        cmocka_unit_test(paints_a_sheet),
        cmocka_unit_test(survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

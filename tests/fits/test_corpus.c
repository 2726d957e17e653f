/* test_corpus.c - files that are broken in known ways get the answer they deserve. */
#include "support.h"

/* Reads all there is to read, for crashes; what it says does not matter. */
static void read_everything(nsky_fits *fits)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_hdu hdu;

    for (uint32_t i = 0; i < nsky_fits_hdu_count(fits); i++) {
        if (nsky_fits_select(fits, i, &hdu, &err) != NSKY_OK || hdu.kind != NSKY_FITS_IMAGE)
            continue;
        float *pixels = malloc(hdu.size[0] * (hdu.axes > 1 ? hdu.size[1] : 1) * sizeof *pixels);
        assert_non_null(pixels);
        if (nsky_fits_read_box(fits, 0, 0, 0, hdu.size[0], hdu.axes > 1 ? hdu.size[1] : 1, pixels,
                               &err) != NSKY_OK)
            assert_true(err.text[0] != '\0');
        free(pixels);
    }
}

static void check_item(const corpus_item *item)
{
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits = (nsky_fits *)&file;

    item->build(&file);
    nsky_status status = nsky_fits_open_memory(&fits, file.data, file.bytes, item->name, &err);
    if (status != item->open)
        fail_msg("%s: %s instead of %s: %s", item->name, nsky_status_name(status),
                 nsky_status_name(item->open), err.text);
    if (status != NSKY_OK) {
        assert_null(fits);
        if (!strstr(err.text, item->name))
            fail_msg("%s is not named in: %s", item->name, err.text);
        if (item->words && !strstr(err.text, item->words))
            fail_msg("%s: '%s' is not in: %s", item->name, item->words, err.text);
    } else {
        read_everything(fits);
        nsky_fits_close(fits);
    }
    corpus_free(&file);
}

static void test_every_item(void **state)
{
    (void)state;
    for (size_t i = 0; i < corpus_item_count; i++)
        check_item(&corpus_items[i]);
}

/* The same bytes as a file say the same; a bomb has a larger bound there. */
static void test_every_item_on_disk(void **state)
{
    (void)state;
    char folder[64], path[128];
    nsky_error err = NSKY_ERROR_INIT;

    temporary_begin(folder);
    for (size_t i = 0; i < corpus_item_count; i++) {
        const corpus_item *item = &corpus_items[i];
        corpus_file file = {0};
        nsky_fits *fits;
        if (strcmp(item->name, "gzip_bomb") == 0)
            continue;
        item->build(&file);
        snprintf(path, sizeof path, "%s/%s.fits", folder, item->name);
        FILE *out = fopen(path, "wb"); /* not ours: it syncs, and this is many files */
        assert_non_null(out);
        if (file.bytes > 0)
            assert_int_equal(fwrite(file.data, 1, file.bytes, out), file.bytes);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(nsky_fits_open(&fits, path, &err), item->open);
        if (item->open != NSKY_OK)
            assert_non_null(strstr(err.text, path));
        nsky_fits_close(fits);
        corpus_free(&file);
    }
    temporary_end(folder);
}

/* A sound file with every byte of its header changed in turn, and cut at every length. */
static void test_header_bytes_spoiled(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits;

    corpus_items[0].build(&file);
    for (size_t i = 0; i < 6 * 80; i++) {
        for (int flip = 0; flip < 3; flip++) {
            uint8_t old = file.data[i];
            file.data[i] = (uint8_t[]){'9', '\0', 0xff}[flip];
            if (nsky_fits_open_memory(&fits, file.data, file.bytes, "spoiled", &err) == NSKY_OK)
                read_everything(fits);
            nsky_fits_close(fits);
            file.data[i] = old;
        }
    }
    for (size_t bytes = 0; bytes < file.bytes; bytes += 7) {
        if (nsky_fits_open_memory(&fits, file.data, bytes, "cut", &err) == NSKY_OK)
            read_everything(fits);
        nsky_fits_close(fits);
    }
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item),
        cmocka_unit_test(test_every_item_on_disk),
        cmocka_unit_test(test_header_bytes_spoiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

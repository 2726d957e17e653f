/* built_support.h - a store of vectors with structure, whose index is built in several ways and
 * compared. Thread rule: one thread. */
#ifndef NSKY_TEST_INDEX_BUILT_SUPPORT_H
#define NSKY_TEST_INDEX_BUILT_SUPPORT_H

#include "lists_support.h"
#include "store_support.h"

#include "index/build.h"
#include "index/lists.h"

static char store[sizeof test_directory + 8];

static inline void make_store_of(uint32_t rows)
{
    snprintf(store, sizeof store, "%s/store", test_directory);
    nsky_survey *survey = open_to_write(store);
    for (uint32_t row = 0; row < rows; row++) {
        nsky_object object = object_of_row(row);
        add_object(survey, &object, row);
    }
    commit_and_close(survey);
}

/* adopt: as `nsky_embed_survey` does, the live index comes along. */
static inline uint32_t publish_rows(const nsky_vectors *vectors, bool adopt)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *manifest = NULL;
    nsky_generation *live = NULL;
    uint32_t number = 0;
    uint64_t blank = 0;
    nsky_generation_work *work = begin_generation_of(store, vectors, &manifest);
    for (uint64_t row = 0; row < vectors->rows; row++)
        blank += nsky_vectors_is_blank(vectors, row);
    nsky_json_put_integer(manifest, "blank_rows", (int64_t)blank);
    if (adopt) {
        assert_ok(nsky_generation_open(&live, store, 0, &err), err);
        assert_ok(nsky_index_adopt(work, live, vectors->rows, manifest, &err), err);
        nsky_generation_close(live);
    }
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
    return number;
}

static inline nsky_index_report build(const nsky_index_options *options)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    assert_ok(nsky_index_build(store, options, &report, &err), err);
    return report;
}

/* Back, as a person would go back. */
static inline void make_live(uint32_t number)
{
    nsky_error err = NSKY_ERROR_INIT;
    char text[16], *path = nsky_format(&err, "%s/CURRENT", store);
    snprintf(text, sizeof text, "%04u\n", number);
    assert_ok(nsky_file_write(path, text, strlen(text), &err), err);
    nsky_free(path);
}

/* Good until the fourth call after. */
static inline const char *generation_path(uint32_t number)
{
    static char paths[4][sizeof store + 32];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/generations/%04u", store, number);
    return path;
}

static inline void assert_same_index(uint32_t a, uint32_t b)
{
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    for (int f = 0; f < 3; f++)
        assert_same_file(generation_path(a), generation_path(b), names[f]);
}

static inline void no_problem(const char *text, void *payload)
{
    (void)payload;
    fail_msg("%s", text);
}

static inline void assert_verified(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t problems = 0;
    assert_ok(nsky_survey_verify(store, no_problem, NULL, &problems, &err), err);
    assert_int_equal(problems, 0);
}

/* Names among the generations that hold `part`; each is handed to see, which may be NULL. */
static inline uint32_t count_folders(const char *part, void (*see)(const char *name))
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names, *folder = nsky_format(&err, "%s/generations", store);
    size_t count;
    uint32_t found = 0;
    assert_ok(nsky_directory_list(&names, &count, folder, &err), err);
    for (size_t i = 0; i < count; i++)
        if (strstr(names[i], part)) {
            found++;
            if (see)
                see(names[i]);
        }
    nsky_free(folder);
    nsky_free(names);
    return found;
}

static inline void flip_byte(const char *path, long from_end)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

#endif

/* support.h - what the tests of store/ share, on top of what those of common/ do.
 * Thread rule: one thread. */
#ifndef NSKY_TEST_STORE_SUPPORT_H
#define NSKY_TEST_STORE_SUPPORT_H

#include "tests/common/support.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/rng.h"
#include "store/generation.h"
#include "store/survey.h"

/* Tests kill processes, not machines, so nobody waits for the disk here. What would have been
 * synced is written down: "000000.pack catalogue.db-wal ". */
static char synced[4096];
static void (*at_sync)(void); /* may not come back */

static inline void note_sync(int fd)
{
    if (at_sync)
        at_sync();
    char link[64], path[1024];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    const char *name = nsky_path_base(path);
    if (strlen(synced) + strlen(name) + 2 < sizeof synced) {
        strcat(synced, name);
        strcat(synced, " ");
    }
}

int fsync(int fd)
{
    note_sync(fd);
    return 0;
}

int fdatasync(int fd)
{
    note_sync(fd);
    return 0;
}

/* That names were synced in this order, others between them or not. */
static inline void assert_synced(const char *const *names)
{
    const char *at = synced;

    for (; *names; names++) {
        const char *found = strstr(at, *names);
        if (!found)
            fail_msg("\"%s\": %s is missing or too early", synced, *names);
        at = found + strlen(*names);
    }
}

/* A new folder for each test: "TEST_DIRECTORY/store". */
static char store_path[1100];

static inline int fresh_store(void **state)
{
    static int serial;

    (void)state;
    snprintf(store_path, sizeof store_path, "%s/store%d", test_directory, serial++);
    return 0;
}

/* "STORE/name"; good until the eighth call after. */
static inline const char *in_store(const char *name)
{
    static char paths[8][2048];
    static unsigned next;
    char *path = paths[next++ % 8];

    if ((size_t)snprintf(path, sizeof paths[0], "%s/%s", store_path, name) >= sizeof paths[0])
        fail_msg("%s: too long a path", name);
    return path;
}

/* Galaxy number n: a Gaussian blob in noise, [3, side, side]. */
static inline nsky_stamp *make_stamp(uint32_t n, uint32_t side)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;
    nsky_rng rng = nsky_rng_at(7, 1, n);

    assert_ok(nsky_stamp_new(&stamp, side, side, 0.262f, &err), err);
    memcpy(stamp->bands, "grz", 4);
    stamp->flags = 0;
    nsky_rng_fill_normal(&rng, stamp->pixels, (uint64_t)3 * side * side);
    for (uint32_t i = 0; i < 3 * side * side; i++) {
        double x = i % side - side / 2.0, y = i / side % side - side / 2.0;
        stamp->pixels[i] = stamp->pixels[i] * 0.003f + (float)exp(-(x * x + y * y) / 18);
    }
    return stamp;
}

static inline nsky_object make_object(uint32_t n)
{
    nsky_object object;
    nsky_rng rng = nsky_rng_at(7, 2, n);

    nsky_object_init(&object);
    snprintf(object.name, sizeof object.name, "galaxy-%05" PRIu32, n);
    object.id = nsky_object_id_hashed("test", object.name);
    object.ra_deg = nsky_rng_range(&rng, 0, 360);
    object.dec_deg = nsky_rng_range(&rng, -90, 90);
    object.mag_r = (float)nsky_rng_range(&rng, 14, 22);
    snprintf(object.type, sizeof object.type, "%s", n % 2 ? "DEV" : "REX");
    snprintf(object.source, sizeof object.source, "brick-%" PRIu32 ".fits", n / 10);
    return object;
}

static inline nsky_survey *open_survey(nsky_survey_mode mode)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;

    assert_ok(nsky_survey_open(&survey, store_path, mode, &err), err);
    return survey;
}

/* Adds galaxies first .. first + count - 1 without committing. */
static inline void add_objects(nsky_survey *survey, uint32_t first, uint32_t count, uint32_t side)
{
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t n = first; n < first + count; n++) {
        nsky_object object = make_object(n);
        nsky_stamp *stamp = make_stamp(n, side);
        nsky_add_result result;
        assert_ok(nsky_survey_add(survey, &object, stamp, n % 3 == 0, &result, &err), err);
        assert_int_equal(result, NSKY_ADDED);
        assert_int_equal(object.row, n);
        nsky_stamp_free(stamp);
    }
}

/* A store of `count` galaxies, closed. */
static inline void make_store(uint32_t count, uint32_t side)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    add_objects(survey, 0, count, side);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

/* What verify said last. */
static char problem_text[4096];

static inline void note_problem(const char *text, void *payload)
{
    (void)payload;
    if (strlen(problem_text) + strlen(text) + 2 < sizeof problem_text) {
        strcat(problem_text, text);
        strcat(problem_text, "\n");
    }
}

static inline uint64_t count_problems(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t problems;

    problem_text[0] = '\0';
    assert_ok(nsky_survey_verify(store_path, note_problem, NULL, &problems, &err), err);
    return problems;
}

static inline void assert_sound(void)
{
    if (count_problems() != 0)
        fail_msg("%s", problem_text);
}

/* Verify finds something and names the file. */
static inline void assert_unsound(const char *word)
{
    if (count_problems() == 0 || !strstr(problem_text, word))
        fail_msg("verify does not say \"%s\" but \"%s\"", word, problem_text);
}

/* Inverts the byte at `offset`; counted from the end when negative. */
static inline void flip_byte(const char *path, int64_t offset)
{
    uint8_t byte;
    struct stat info;

    chmod(path, 0644);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    off_t at = (off_t)(offset < 0 ? info.st_size + offset : offset);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0xFF;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

#endif

/* test_lists.c - lists built and read: every row is there, bounds hold, the bytes do not depend on
 * how they were made, damage is refused, a full disk and a kill lose nothing. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lists_support.h"

#include "index/lists_build.h"
#include "index/slack.h"
#include "store/xxh64.h"

enum { ROWS = 9000, DIM = 40, LISTS = 40 };

static uint16_t vectors[ROWS * DIM];

static nsky_lists_job job_in(const char *folder, uint32_t coded, uint32_t bits)
{
    return (nsky_lists_job){.folder = folder,
                            .vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16},
                            .coded = coded,
                            .bits = bits,
                            .lists = LISTS,
                            .sample_rows = 4000,
                            .vectors_name = "test",
                            .segment_rows = 4096,
                            .merge_bytes = 1 << 16,
                            .threads = 2};
}

static const char *folder_in(const char *name)
{
    const char *out = in_directory(name);
    mkdir(out, 0755);
    return out;
}

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    if (make_test_directory(state) != 0)
        return -1;
    make_rows(vectors, ROWS, DIM, 60);
    nsky_lists_job job = job_in(folder_in("base"), 32, 4);
    assert_ok(nsky_lists_build(&job, &err), err);
    return 0;
}

/* Scores from the codes stay within the stated bound of float64, for directions like the data and
 * for any others; every row with a vector is in one list. */
static void check_bounds(const nsky_lists *lists)
{
    static uint8_t seen[ROWS];
    double worst = 0;
    memset(seen, 0, sizeof seen);
    assert_int_equal(lists->padded, 48);
    for (int trial = 0; trial < 4; trial++) {
        float w[48] = {0}, turned[64], decoded[64], constant, outside;
        nsky_rng rng = nsky_rng_at(8, 0, (uint32_t)trial);
        nsky_rng_fill_normal(&rng, w, DIM);
        if (trial >= 2)
            nsky_half_to_floats(w, vectors + (size_t)trial * 100 * DIM, DIM);
        nsky_lists_direction(lists, w, turned, &constant, &outside);
        double length = 0;
        for (uint32_t c = 0; c < lists->coded; c++)
            length += (double)turned[c] * (double)turned[c];
        for (uint32_t l = 0; l < lists->lists; l++) {
            uint32_t last = 0;
            for (uint64_t s = (uint64_t)lists->offsets[l] * NSKY_CODE_ROWS;
                 s < (uint64_t)lists->offsets[l + 1] * NSKY_CODE_ROWS; s++) {
                const uint32_t row = lists->row_of[s];
                double exact = 0, told = (double)constant;
                if (row == NSKY_NO_ROW)
                    continue;
                assert_true(row < ROWS && (last == 0 || row > last));
                last = row;
                seen[row] += trial == 0;
                nsky_coder_decode(&lists->coder, lists->codes, s, decoded);
                for (uint32_t c = 0; c < lists->coded; c++)
                    told += (double)turned[c] *
                            ((double)lists->centroids[(size_t)l * lists->coded + c] +
                             (double)decoded[c]);
                for (uint32_t d = 0; d < DIM; d++)
                    exact +=
                        (double)w[d] * (double)nsky_half_to_float(vectors[(size_t)row * DIM + d]);
                double bound = sqrt(length) * (double)nsky_slack_length(lists->slack[2 * s]) +
                               (double)outside * (double)nsky_slack_length(lists->slack[2 * s + 1]);
                assert_true(fabs(told - exact) <= bound);
                worst = fmax(worst, fabs(told - exact) / bound);
            }
        }
    }
    assert_true(worst > 0.1); /* a bound that means something: measured 0.5 to 0.9 */
    for (uint32_t row = 0; row < ROWS; row++)
        assert_int_equal(seen[row], row % 997 != 500);
}

static void every_row_is_there_within_its_bound(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t coded, bits;
    } kinds[] = {{"base", 32, 4}, {"eight", 32, 8}, {"wide", 48, 4}};
    for (int k = 0; k < 3; k++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_lists lists;
        nsky_lists_job job = job_in(folder_in(kinds[k].name), kinds[k].coded, kinds[k].bits);
        assert_ok(nsky_lists_build(&job, &err), err);
        assert_ok(nsky_lists_open(&lists, job.folder, ROWS, DIM, &err), err);
        assert_true(lists.lists > LISTS / 2 && lists.groups > 1);
        check_bounds(&lists);
        nsky_lists_close(&lists);
    }
}

static void same_bytes_however_made(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        char name[20];
        snprintf(name, sizeof name, "threads%u", threads);
        nsky_lists_job job = job_in(folder_in(name), 32, 4);
        job.threads = threads;
        job.segment_rows = threads == 1 ? 4096 : 8192 * threads;
        job.merge_bytes = threads == 1 ? 1 : 1 << 24;
        assert_ok(nsky_lists_build(&job, &err), err);
        assert_same_file(folder_in("base"), job.folder, NSKY_LISTS_FILE);
        assert_same_file(folder_in("base"), job.folder, NSKY_CODES_FILE);
        assert_same_file(folder_in("base"), job.folder, NSKY_SLOTS_FILE);
    }
}

/* No file but the three: parts and temporaries are gone. */
static void assert_only_three(const char *folder)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names = NULL;
    size_t count = 0;
    assert_ok(nsky_directory_list(&names, &count, folder, &err), err);
    for (size_t i = 0; i < count; i++)
        assert_true(strcmp(names[i], NSKY_LISTS_FILE) == 0 ||
                    strcmp(names[i], NSKY_CODES_FILE) == 0 ||
                    strcmp(names[i], NSKY_SLOTS_FILE) == 0 || strstr(names[i], ".tmp."));
    nsky_free(names);
}

/* Killed again and again, each time a little later, and then let finish. */
static void kills_lose_nothing(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists_job job = job_in(folder_in("killed"), 32, 4);
    uint32_t killed = 0;
    for (uint32_t i = 0; i < 12; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(nsky_lists_build(&job, &err) == NSKY_OK ? 0 : 1);
        struct timespec pause = {0, (long)(5 + 15 * i) * 1000000};
        int how = 0;
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        killed += WIFSIGNALED(how);
    }
    assert_true(killed > 0);
    assert_ok(nsky_lists_build(&job, &err), err);
    assert_only_three(job.folder);
    assert_same_file(folder_in("base"), job.folder, NSKY_LISTS_FILE);
    assert_same_file(folder_in("base"), job.folder, NSKY_CODES_FILE);
    assert_same_file(folder_in("base"), job.folder, NSKY_SLOTS_FILE);
}

/* Work of another job in the same folder is not taken up. */
static void other_work_is_made_anew(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    atomic_bool stop = true;
    nsky_lists_job job = job_in(folder_in("other"), 32, 8);
    nsky_trained trained;
    assert_ok(nsky_lists_train(&trained, &job, &err), err);
    assert_ok(nsky_lists_segments(&job, &trained, 0, ROWS, &err), err);
    nsky_trained_free(&trained);
    job = job_in(job.folder, 32, 4);
    assert_int_equal(nsky_trained_read(&trained, &job, &err), NSKY_ENOTFOUND);
    job.stop = &stop;
    assert_int_equal(nsky_lists_build(&job, &err), NSKY_ECANCELLED);
    job.stop = NULL;
    assert_ok(nsky_lists_build(&job, &err), err);
    assert_same_file(folder_in("base"), job.folder, NSKY_CODES_FILE);
}

/* Tables whose checksums were made to fit, and which point outside, are trained anew. */
static void forged_tables_are_made_anew(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t at[NSKY_TABLES + 1];
    nsky_lists_job job = job_in(folder_in("forged"), 32, 4);
    nsky_trained trained;
    assert_ok(nsky_lists_train(&trained, &job, &err), err);
    nsky_lists_layout(&trained.header, at);
    for (int way = 0; way < 3; way++) {
        const uint32_t wrong = way == 0 ? 0 : UINT32_MAX - 5; /* the first: as it was */
        char *path = nsky_format(&err, "%s/" NSKY_TRAINED_FILE, job.folder);
        unsigned char *table = trained.image + at[NSKY_TABLE_GROUP_LISTS] +
                               (way == 2 ? trained.header.groups * sizeof wrong : 0);
        memcpy(table, &wrong, sizeof wrong);
        trained.header.id =
            nsky_xxh64(trained.image + NSKY_LISTS_HEADER, trained.bytes - NSKY_LISTS_HEADER, 0);
        nsky_lists_header_seal(&trained.header);
        memcpy(trained.image, &trained.header, sizeof trained.header);
        assert_ok(nsky_file_write(path, trained.image, trained.bytes, &err), err);
        nsky_free(path);
        nsky_trained read;
        const nsky_status status = nsky_trained_read(&read, &job, &err);
        assert_int_equal(status, way == 0 ? NSKY_OK : NSKY_ENOTFOUND);
        if (status == NSKY_OK)
            nsky_trained_free(&read);
    }
    nsky_trained_free(&trained);
    assert_ok(nsky_lists_build(&job, &err), err);
    assert_same_file(folder_in("base"), job.folder, NSKY_CODES_FILE);
}

/* A file may not grow: as on a full disk. The build says so and leaves no torn file; with room
 * again it carries on. */
static void a_full_disk_is_told(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists_job job = job_in(folder_in("full"), 32, 4);
    for (rlim_t room = 4000; room < 300000; room *= 3) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit limit = {room, room};
            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
                _exit(2);
            _exit(nsky_lists_build(&job, &err) == NSKY_EIO && strstr(err.text, "/full") ? 0 : 1);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
        char *path = nsky_format(&err, "%s/" NSKY_LISTS_FILE, job.folder);
        assert_false(nsky_file_exists(path));
        nsky_free(path);
    }
    assert_ok(nsky_lists_build(&job, &err), err);
    assert_same_file(folder_in("base"), job.folder, NSKY_SLOTS_FILE);
}

static void not_finite_vectors_are_named(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists_job job = job_in(folder_in("nan"), 32, 4);
    const uint16_t before = vectors[8123 * DIM + 7];
    vectors[8123 * DIM + 7] = 0x7e00; /* NaN; the space's sample sees every row */
    assert_int_equal(nsky_lists_build(&job, &err), NSKY_EDATA);
    assert_non_null(strstr(err.text, "8123"));
    vectors[8123 * DIM + 7] = before;
}

/* --- damage --- */

static void copy_base(const char *to)
{
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    nsky_error err = NSKY_ERROR_INIT;
    for (int f = 0; f < 3; f++) {
        void *data = NULL;
        size_t bytes = 0;
        char *from_path = nsky_format(&err, "%s/base/%s", test_directory, names[f]);
        char *to_path = nsky_format(&err, "%s/%s", to, names[f]);
        assert_ok(nsky_file_read(&data, &bytes, from_path, SIZE_MAX / 2, &err), err);
        assert_ok(nsky_file_write(to_path, data, bytes, &err), err);
        nsky_free(data);
        nsky_free(to_path);
        nsky_free(from_path);
    }
}

static void flip(const char *folder, const char *name, uint64_t at)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *path = nsky_format(&err, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_true(byte >= 0);
    assert_int_equal(fseeko(file, (off_t)at, SEEK_SET), 0);
    fputc(byte ^ 0x20, file);
    fclose(file);
    nsky_free(path);
}

static void assert_refused(const char *folder, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    nsky_status status = nsky_lists_open(&lists, folder, ROWS, DIM, &err);
    assert_true(status == NSKY_EDATA || status == NSKY_EMISMATCH);
    if (!strstr(err.text, name))
        fail_msg("\"%s\" does not name %s", err.text, name);
    assert_null(lists.codes);
}

static void damaged_headers_and_tables_are_refused(void **state)
{
    (void)state;
    const char *folder = folder_in("damaged");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    nsky_lists_header header;
    uint64_t at[NSKY_TABLES + 1];
    copy_base(folder);
    assert_ok(nsky_lists_open(&lists, folder, ROWS, DIM, &err), err);
    memcpy(&header, lists.files[0].data, sizeof header);
    nsky_lists_close(&lists);
    nsky_lists_layout(&header, at);
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    for (int f = 0; f < 3; f++)
        for (uint64_t byte = 0; byte < sizeof header; byte++) {
            flip(folder, names[f], byte);
            assert_refused(folder, names[f]);
            flip(folder, names[f], byte);
        }
    for (int t = 0; t < NSKY_TABLES; t++)
        for (int i = 0; i < 3; i++) {
            uint64_t byte = at[t] + (at[t + 1] - at[t] - 1) * (uint64_t)i / 2;
            flip(folder, NSKY_LISTS_FILE, byte);
            assert_refused(folder, NSKY_LISTS_FILE);
            flip(folder, NSKY_LISTS_FILE, byte);
        }
    assert_ok(nsky_lists_open(&lists, folder, ROWS, DIM, &err), err);
    nsky_lists_close(&lists);
}

static void cut_and_foreign_files_are_refused(void **state)
{
    (void)state;
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    const char *folder = folder_in("cut");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    for (int f = 0; f < 3; f++)
        for (int i = 0; i < 4; i++) {
            struct stat info;
            copy_base(folder);
            char *path = nsky_format(&err, "%s/%s", folder, names[f]);
            assert_int_equal(stat(path, &info), 0);
            const off_t sizes[4] = {0, 100, info.st_size / 2, info.st_size - 1};
            assert_int_equal(truncate(path, sizes[i]), 0);
            nsky_free(path);
            assert_refused(folder, names[f]);
        }
    copy_base(folder);
    assert_int_equal(nsky_lists_open(&lists, folder, ROWS - 1, DIM, &err), NSKY_EMISMATCH);
    assert_int_equal(nsky_lists_open(&lists, folder, ROWS, DIM + 1, &err), NSKY_EMISMATCH);
    /* The codes of another build. */
    nsky_lists_job job = job_in(folder_in("fewer"), 32, 4);
    job.lists = LISTS - 8;
    assert_ok(nsky_lists_build(&job, &err), err);
    char *from = nsky_format(&err, "%s/%s", job.folder, NSKY_CODES_FILE);
    char *to = nsky_format(&err, "%s/%s", folder, NSKY_CODES_FILE);
    assert_int_equal(rename(from, to), 0);
    nsky_free(from);
    nsky_free(to);
    assert_refused(folder, NSKY_CODES_FILE);
    assert_int_equal(nsky_lists_open(&lists, test_directory, ROWS, DIM, &err), NSKY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_there_within_its_bound),
        cmocka_unit_test(same_bytes_however_made),
        cmocka_unit_test(kills_lose_nothing),
        cmocka_unit_test(other_work_is_made_anew),
        cmocka_unit_test(forged_tables_are_made_anew),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(not_finite_vectors_are_named),
        cmocka_unit_test(damaged_headers_and_tables_are_refused),
        cmocka_unit_test(cut_and_foreign_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}

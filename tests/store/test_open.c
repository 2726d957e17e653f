/* test_open.c - making and opening stores: locks, versions, strangers' folders, read-only places,
 * packs cut back to what was committed. */
#include "support.h"

#include <sqlite3.h>

#include "store/survey_private.h"

static void write_text(const char *path, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(path, text, strlen(text), &err), err);
}

static void assert_open_fails(nsky_survey_mode mode, nsky_status status, const char *word)
{
    nsky_error err;
    nsky_survey *survey;

    assert_fails(nsky_survey_open(&survey, store_path, mode, &err), status, err, word);
    assert_null(survey);
}

static void run_sql(const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_store("catalogue.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void test_one_writer(void **state)
{
    (void)state;
    nsky_error err;
    char pid[32];
    nsky_generation_work *work;
    nsky_survey *writer = open_survey(NSKY_SURVEY_WRITE), *reader = open_survey(NSKY_SURVEY_READ);

    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EBUSY, pid);
    assert_fails(nsky_generation_begin(&work, store_path, "k", &err), NSKY_EBUSY, err, pid);
    nsky_survey_close(writer);
    assert_ok(nsky_generation_begin(&work, store_path, "k", &err), err);
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EBUSY, pid);
    nsky_generation_pause(work);
    nsky_survey_close(open_survey(NSKY_SURVEY_WRITE));
    nsky_survey_close(reader);
}

static void test_folders(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_make_directories(store_path, &err), err);
    nsky_survey_close(open_survey(NSKY_SURVEY_WRITE)); /* an empty one will do */
    nsky_survey_close(open_survey(NSKY_SURVEY_WRITE));
    assert_sound();
    fresh_store(state);
    assert_ok(nsky_make_directories(in_store("models"), &err), err);
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EEXIST, "models");
    fresh_store(state);
    assert_ok(nsky_make_directories(store_path, &err), err);
    write_text(in_store("thesis.tex"), "");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EEXIST, "thesis.tex");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_ENOTFOUND, "ingest");
    fresh_store(state);
    write_text(store_path, "a file");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EEXIST, "not a directory");
    strcat(store_path, "5");
    strcat(store_path, "///");
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    assert_true(nsky_survey_path(survey)[strlen(nsky_survey_path(survey)) - 1] == '5');
    nsky_survey_close(survey);
}

/* Killed while it was made: carried on with. */
static void test_half_made(void **state)
{
    (void)state;
    make_store(2, 8);
    assert_int_equal(unlink(in_store("survey.json")), 0);
    write_text(in_store("survey.json.tmp.1.2"), "{");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_ENOTFOUND, "ingest");
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    assert_int_equal(nsky_survey_rows(survey), 2);
    nsky_survey_close(survey);
    assert_sound();
}

static void test_versions(void **state)
{
    (void)state;
    make_store(2, 8);
    write_text(in_store("survey.json"), "{\"kind\":\"nearsky survey store\",\"format\":2}");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EMISMATCH, "update");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EMISMATCH, "survey.json");
    write_text(in_store("survey.json"), "{\"kind\":\"nearsky survey store\",\"format\":1.5}");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EDATA, "survey.json");
    write_text(in_store("survey.json"), "{\"kind\":\"shopping\",\"format\":1}");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EDATA, "survey.json");
    write_text(in_store("survey.json"), "{");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EDATA, "survey.json");
    assert_unsound("survey.json");
    write_text(in_store("survey.json"), "{\"kind\":\"nearsky survey store\",\"format\":1}");
    assert_sound();
    run_sql("PRAGMA user_version = 4");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EMISMATCH, "catalogue.db");
    run_sql("PRAGMA user_version = 1; PRAGMA application_id = 5");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EDATA, "not a nearsky catalogue");
}

/* A store that lost its catalogue is not one to begin anew over: its packs would go. */
static void test_lost_parts(void **state)
{
    (void)state;
    make_store(2, 8);
    assert_int_equal(rename(in_store("catalogue.db"), in_store("saved")), 0);
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EDATA, "catalogue.db");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EDATA, "catalogue.db");
    assert_true(nsky_file_exists(in_store("stamps/000000.pack")));
    write_text(in_store("catalogue.db"), "this is not a database, though it is long enough");
    assert_open_fails(NSKY_SURVEY_READ, NSKY_EDATA, "catalogue.db");
    assert_int_equal(rename(in_store("saved"), in_store("catalogue.db")), 0);
    assert_int_equal(rename(in_store("stamps/000000.pack"), in_store("saved")), 0);
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EDATA, "000000.pack");
    assert_unsound("000000.pack");
    write_text(in_store("stamps/000000.pack"), "short");
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EDATA, "not a pack");
    assert_int_equal(rename(in_store("saved"), in_store("stamps/000000.pack")), 0);
    assert_int_equal(truncate(in_store("stamps/000000.pack"), 100), 0);
    assert_open_fails(NSKY_SURVEY_WRITE, NSKY_EDATA, "only 100");
    assert_unsound("000000.pack");
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* What a killed writer left behind its last commit goes; names that are not packs stay. */
static void test_tails(void **state)
{
    (void)state;
    make_store(2, 8);
    off_t size = size_of(in_store("stamps/000000.pack"));
    FILE *pack = fopen(in_store("stamps/000000.pack"), "ab");
    fputs("half a stamp", pack);
    fclose(pack);
    write_text(in_store("stamps/000001.pack"), "NSKYPACK");
    write_text(in_store("stamps/README"), "mine");
    assert_sound();
    nsky_survey_close(open_survey(NSKY_SURVEY_READ));
    assert_true(nsky_file_exists(in_store("stamps/000001.pack")));
    nsky_survey_close(open_survey(NSKY_SURVEY_WRITE));
    assert_int_equal(size_of(in_store("stamps/000000.pack")), size);
    assert_false(nsky_file_exists(in_store("stamps/000001.pack")));
    assert_true(nsky_file_exists(in_store("stamps/README")));
    assert_sound();
}

static void test_many_packs(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    survey->writer.bytes_max = 4000;
    add_objects(survey, 0, 60, 16);
    assert_ok(nsky_survey_commit(survey, &err), err);
    add_objects(survey, 60, 30, 16);
    assert_true(nsky_file_exists(in_store("stamps/000020.pack"))); /* more than are held open */
    uint32_t last = survey->writer.number;
    nsky_survey_close(survey); /* takes back the packs of what was not committed */
    char name[64];
    snprintf(name, sizeof name, "stamps/%06u.pack", last);
    assert_false(nsky_file_exists(in_store(name)));
    assert_sound();
    survey = open_survey(NSKY_SURVEY_WRITE);
    survey->writer.bytes_max = 4000;
    add_objects(survey, 60, 30, 16);
    assert_ok(nsky_survey_commit(survey, &err), err);
    for (uint32_t i = 0; i < 300; i++) {
        nsky_stamp *stamp;
        assert_ok(nsky_survey_stamp(survey, i * 37 % 90, &stamp, &err), err);
        nsky_stamp_free(stamp);
    }
    nsky_survey_close(survey);
    assert_sound();
}

/* A power cut may come at any time: stamps before the rows that name them, a new pack's name too.
 */
static void test_durable(void **state)
{
    (void)state;
    static const char *const made[] = {"catalogue.db", "survey.json", NULL};
    static const char *const first[] = {"stamps", "000000.pack", "catalogue.db-wal", NULL};
    static const char *const second[] = {"000000.pack", "stamps", "000001.pack", "catalogue.db-wal",
                                         NULL};
    nsky_error err = NSKY_ERROR_INIT;

    synced[0] = '\0';
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    assert_synced(made);
    synced[0] = '\0';
    add_objects(survey, 0, 2, 8);
    assert_ok(nsky_survey_commit(survey, &err), err);
    assert_synced(first);
    synced[0] = '\0';
    survey->writer.bytes_max = survey->writer.end + 1;
    add_objects(survey, 2, 2, 8);
    assert_ok(nsky_survey_commit(survey, &err), err);
    assert_synced(second);
    nsky_survey_close(survey);
}

/* Runs as a user who may write nowhere. */
static void read_as_nobody(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;

    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(3);
    if (nsky_survey_open(&survey, store_path, NSKY_SURVEY_READ, &err) != NSKY_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(4);
    }
    _exit(nsky_survey_rows(survey) == 3 ? 0 : 5);
}

static int exit_code(void (*op)(void))
{
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        op();
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_read_only(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    chmod(test_directory, 0755);
    strcat(store_path, "-50%?#& ");
    make_store(3, 8);
    chmod(store_path, 0555);
    assert_int_equal(exit_code(read_as_nobody), 0);
    chmod(store_path, 0755);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE); /* a writer is at work beside */
    add_objects(survey, 3, 1, 8);
    chmod(store_path, 0555);
    assert_int_equal(exit_code(read_as_nobody), 0);
    chmod(store_path, 0755);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

/* A log that nobody may recover is not passed over in silence. */
static void test_read_only_log(void **state)
{
    (void)state;
    chmod(test_directory, 0755);
    make_store(2, 8);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) { /* dies with its work in the log */
        nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
        nsky_error err;
        add_objects(survey, 2, 1, 8);
        if (nsky_survey_commit(survey, &err) != NSKY_OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(size_of(in_store("catalogue.db-wal")) > 0);
    assert_int_equal(unlink(in_store("catalogue.db-shm")), 0);
    chmod(store_path, 0555);
    assert_int_equal(exit_code(read_as_nobody), 4);
    chmod(store_path, 0755);
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    assert_int_equal(nsky_survey_rows(survey), 3);
    nsky_survey_close(survey);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_writer, fresh_store),
        cmocka_unit_test_setup(test_folders, fresh_store),
        cmocka_unit_test_setup(test_half_made, fresh_store),
        cmocka_unit_test_setup(test_versions, fresh_store),
        cmocka_unit_test_setup(test_lost_parts, fresh_store),
        cmocka_unit_test_setup(test_tails, fresh_store),
        cmocka_unit_test_setup(test_many_packs, fresh_store),
        cmocka_unit_test_setup(test_durable, fresh_store),
        cmocka_unit_test_setup(test_read_only, fresh_store),
        cmocka_unit_test_setup(test_read_only_log, fresh_store),
    };
    return cmocka_run_group_tests_name("store.open", tests, make_test_directory,
                                       remove_test_directory);
}

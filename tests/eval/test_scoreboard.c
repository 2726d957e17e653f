/* test_scoreboard.c - several models side by side: the table's width and marks, the JSON's keys. */
#include "tests/eval/support.h"

#include "eval/scoreboard.h"

enum { N = 300, DIM = 16 };

static nsky_truth *truth;
static nsky_bootstrap *bootstrap;
static nsky_task task;
static nsky_board *board;

/* "poor" knows little, "good" knows the classes; four more to overflow the width. */
static void add_model(const char *name, double apart)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t code[N];
    for (uint32_t i = 0; i < N; i++)
        code[i] = truth->objects[i].class;
    nsky_features *features = make_features(code, N, DIM, apart, 5);
    snprintf(features->name, sizeof features->name, "%s", name);
    snprintf(features->about, sizeof features->about, "made up");
    assert_ok(nsky_board_add(board, &task, (1u << NSKY_TASKS) - 1, features, NULL, &err), err);
    nsky_features_free(features);
}

static int make_board(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;

    truth = make_truth(N, 2);
    strcpy(truth->classes[0], "lens");
    strcpy(truth->classes[1], "spiral");
    for (uint32_t i = 0; i < N; i++)
        truth->objects[i].lens = i % 2 == 0 ? NSKY_IS_LENS : NSKY_NOT_LENS;
    bootstrap = make_bootstrap(truth, 50);
    task = make_task(truth, bootstrap);
    assert_ok(nsky_board_new(&board, &err), err);
    add_model("poor", 0.05);
    add_model("good", 20);
    for (int i = 0; i < 4; i++)
        add_model("a-name-longer-than-its-column", 0.05);
    return 0;
}

static int free_board(void **state)
{
    (void)state;
    nsky_board_free(board);
    nsky_bootstrap_free(bootstrap);
    nsky_truth_free(truth);
    return 0;
}

static void the_table_is_narrow_and_marks_the_best(void **state)
{
    char *text = NULL, *rest, *line;
    size_t bytes = 0;
    uint32_t rows = 0;
    FILE *stream = open_memstream(&text, &bytes);
    (void)state;

    assert_non_null(stream);
    assert_true(nsky_board_print(board, &task, true, stream));
    fclose(stream);
    assert_non_null(strstr(text, "redshift: skipped: "));
    for (rest = text; (line = strsep(&rest, "\n"));) {
        uint32_t columns = 0;
        for (const char *c = line; *c; c++)
            columns += ((unsigned char)*c & 0xc0) != 0x80; /* UTF-8 */
        assert_true(columns <= 100 || strstr(line, "made up") || strstr(line, "skipped"));
        if (strncmp(line, "lens.20.all.auroc", 17) != 0)
            continue;
        /* poor, good, ...: the mark is good's. In the second block, nobody's. */
        char *mark = strchr(line, '*');
        assert_true(rows == 0 ? mark && strstr(line, "1.000") < mark && !strchr(mark + 1, '*')
                              : !mark);
        rows++;
    }
    assert_int_equal(rows, 2);
    free(text);
}

static void the_json_keeps_its_promise(void **state)
{
    nsky_json *json = nsky_board_json(board, &task, "S", "L.csv");
    const nsky_json *models = nsky_json_get(json, "models"),
                    *labels = nsky_json_get(json, "labels");
    (void)state;

    assert_string_equal(nsky_json_get_string(json, "kind"), "nearsky scoreboard");
    assert_int_equal((int)nsky_json_get_number(json, "format", 0), NSKY_EVAL_FORMAT);
    assert_string_equal(nsky_json_get_string(json, "store"), "S");
    assert_int_equal((int)nsky_json_get_number(labels, "objects", 0), N);
    assert_int_equal((int)nsky_json_get_number(labels, "lenses", 0), N / 2);
    assert_int_equal((int)nsky_json_get_number(nsky_json_get(labels, "classes"), "spiral", 0),
                     N / 2);
    assert_non_null(nsky_json_get_string(nsky_json_get(json, "skipped"), "redshift"));
    assert_int_equal(nsky_json_count(models), 6);
    const nsky_json *good = nsky_json_next(nsky_json_first(models));
    assert_string_equal(nsky_json_get_string(good, "name"), "good");
    const nsky_json *score =
        nsky_json_get(nsky_json_get(good, "scores"), "retrieval.p_at_10.macro");
    assert_near(nsky_json_get_number(score, "value", NAN), 1, 1e-9);
    assert_true(nsky_json_get_number(score, "low", NAN) <= 1);
    assert_true(nsky_json_get_number(score, "high", NAN) >= 1);
    assert_true(nsky_json_get_number(score, "n", NAN) == N);
    nsky_json_free(json);
}

static void stopping_is_heard(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    const atomic_bool stop = true;
    uint32_t code[N] = {0};
    nsky_features *features = make_features(code, N, DIM, 0, 5);
    (void)state;

    assert_int_equal(nsky_board_add(board, &task, 1, features, &stop, &err), NSKY_ECANCELLED);
    nsky_features_free(features);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_narrow_and_marks_the_best),
        cmocka_unit_test(the_json_keeps_its_promise),
        cmocka_unit_test(stopping_is_heard),
    };
    return cmocka_run_group_tests(tests, make_board, free_board);
}

/* `nearsky simulate`: exit statuses, and what goes where. */
#include "folder.h"

#include <getopt.h>

#include "cli/cli.h"
#include "common/json.h"

/* Runs the command with its output in `out`; optind is getopt's. */
static int command(char *out, size_t bytes, char *const *words)
{
    char *argv[16] = {(char *)(uintptr_t) "simulate"}, path[] = "/tmp/nearsky-sim-out-XXXXXX";
    int argc = 1, file = mkstemp(path);

    assert_true(file >= 0);
    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    optind = 0;
    fflush(NULL);
    int kept_out = dup(1), kept_err = dup(2);
    dup2(file, 1);
    dup2(file, 2);
    int status = nsky_cli_simulate(argc, argv);
    fflush(NULL);
    dup2(kept_out, 1);
    dup2(kept_err, 2);
    close(kept_out);
    close(kept_err);
    ssize_t got = pread(file, out, bytes - 1, 0);
    out[got < 0 ? 0 : got] = '\0';
    close(file);
    unlink(path);
    return status;
}

#define COMMAND(out, ...) command(out, sizeof(out), (char *const[]){__VA_ARGS__, NULL})

static void test_wrong_usage(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(COMMAND(out, "/tmp/x"), 2);
    assert_non_null(strstr(out, "--bricks"));
    assert_int_equal(COMMAND(out, "--stamps", "3"), 2);
    assert_non_null(strstr(out, "folder"));
    assert_int_equal(COMMAND(out, "a", "b", "--stamps", "3"), 2);
    assert_int_equal(COMMAND(out, "a", "--stamps", "3", "--bricks", "2"), 2);
    static const char *const bad[][2] = {
        {"--stamps", "0"},
        {"--stamps", "-1"},
        {"--stamps", "1000001"},
        {"--stamps", "ten"},
        {"--stamps", ""},
        {"--bricks", "10001"},
        {"--bricks", "1e3"},
        {"--seed", "-1"},
        {"--seed", "x"},
        {"--seed", "99999999999999999999"},
        {"--size", "0"},
        {"--size", "5000"},
        {"--density", "0"},
        {"--density", "nan"},
        {"--density", "4x"},
        {"--lens-fraction", "0.5"},
        {"--lens-fraction", "-0.1"},
        {"--threads", "0"},
        {"--threads", "257"},
        {"--nonsense", "1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *option = (char *)(uintptr_t)bad[i][0], *value = (char *)(uintptr_t)bad[i][1];
        assert_int_equal(COMMAND(out, "/tmp/x", option, value), 2);
        assert_non_null(strstr(out, "--help"));
    }
}

static void test_help(void **state)
{
    (void)state;
    char out[8192];
    assert_int_equal(COMMAND(out, "--help"), 0);
    assert_non_null(strstr(out, "usage: nearsky simulate"));
    assert_non_null(strstr(out, "not scores on a real survey"));
}

static void test_report(void **state)
{
    (void)state;
    char out[4096];
    folder f = make_folder();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *json;

    assert_int_equal(COMMAND(out, f.path, "--stamps", "2", "--size", "64", "--json"), 0);
    assert_ok(nsky_json_parse(&json, out, strlen(out), "report", &err), err);
    assert_near(nsky_json_get_number(json, "made", -1), 2, 0);
    assert_string_equal(nsky_json_get_string(json, "kind"), "stamps");
    nsky_json_free(json);
    assert_int_equal(COMMAND(out, f.path, "--stamps", "2", "--size", "64"), 0);
    assert_non_null(strstr(out, "2 there before"));
    assert_int_equal(COMMAND(out, f.path, "--stamps", "3", "--size", "64"), 1);
    assert_non_null(strstr(out, "other options"));
    assert_int_equal(COMMAND(out, f.path, "--stamps", "2", "--size", "16"), 1);
    assert_non_null(strstr(out, "32 to 512"));
    drop_folder(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_usage),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_train_survey.c - whole trainings in small: killed at any moment and run again they end with
 * the very file of one that was never stopped; damaged checkpoints and other options are refused;
 * the model opens like any other. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "encoder/encoder.h"
#include "encoder/train/train.h"
#include "tests/encoder/train_support.h"

#define ROWS 27u
#define KILLS 8u

static char folder[] = "/tmp/nearsky-train-XXXXXX";
static char store[64], labels[64], others[64];

static const char *path_of(const char *name)
{
    static char paths[8][96];
    static uint32_t next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Three steps an epoch, of the smallest network there is. */
static nsky_train_options small_options(void)
{
    nsky_train_options o = smallest_training();

    o.sub_batch = 4;
    o.device = "cpu";
    o.precision = NSKY_FP32;
    o.threads = 1;
    return o;
}

static nsky_status train(const char *out, const nsky_train_options *options,
                         nsky_train_report *report, nsky_error *err)
{
    const char *const stores[] = {store};

    return nsky_train_survey(stores, 1, out, options, report, err);
}

static uint32_t lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    uint32_t lines = 0;

    if (!file)
        return 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void nap(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};

    nanosleep(&time, NULL);
}

/* In a process of its own, which is killed a while after its log has so many lines; true when it
 * was done before. */
static bool train_or_die(const char *out, const nsky_train_options *options, uint32_t lines,
                         double seconds)
{
    char log[128];
    int how = 0;

    snprintf(log, sizeof log, "%s.train/log.jsonl", out);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        nsky_train_report report;
        nsky_error err = NSKY_ERROR_INIT;
        nsky_status status = train(out, options, &report, &err);
        if (status != NSKY_OK)
            fprintf(stderr, "%s\n", err.text);
        _exit(status == NSKY_OK ? 0 : 1);
    }
    assert_true(child > 0);
    bool due = false;
    while (waitpid(child, &how, WNOHANG) == 0) {
        if (due)
            kill(child, SIGKILL);
        due = lines_of(log) >= lines;
        nap(due ? seconds : 0.002);
    }
    if (WIFEXITED(how) && WEXITSTATUS(how) != 0)
        fail_msg("the training failed");
    return WIFEXITED(how);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void assert_same_file(const char *a, const char *b)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *x, *y;
    size_t x_bytes, y_bytes;

    assert_ok(nsky_file_read(&x, &x_bytes, a, 1 << 28, &err), err);
    assert_ok(nsky_file_read(&y, &y_bytes, b, 1 << 28, &err), err);
    assert_int_equal(x_bytes, y_bytes);
    assert_memory_equal(x, y, x_bytes);
    nsky_free(x);
    nsky_free(y);
}

/* Losses of a log, line by line; returns how many. */
static uint32_t losses_of(const char *path, double out[16])
{
    nsky_error err = NSKY_ERROR_INIT;
    void *text;
    char *rest;
    size_t bytes;
    uint32_t count = 0;

    assert_ok(nsky_file_read(&text, &bytes, path, 1 << 20, &err), err);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        nsky_json *object;
        assert_ok(nsky_json_parse(&object, line, strlen(line), path, &err), err);
        assert_true(nsky_json_get_number(object, "step", 0) == count + 1);
        assert_true(count < 16);
        out[count++] = nsky_json_get_number(object, "loss", NAN);
        nsky_json_free(object);
    }
    nsky_free(text);
    return count;
}

/* Within a step, while a checkpoint is being written, or at the beginning: a moment is drawn anew
 * each time. */
static void test_killed(void **unused)
{
    nsky_train_options options = small_options();
    nsky_rng rng = nsky_rng_at(3, 3, 3);
    double losses[16], again[16], start = now_s(), step_s;
    uint32_t kills = 0;
    const char *once = path_of("once/model.safetensors");
    const char *often = path_of("often/model.safetensors");

    (void)unused;
    assert_true(train_or_die(once, &options, UINT32_MAX, 0));
    step_s = (now_s() - start) / 8;
    options.checkpoint_s = 0; /* after every step */
    options.threads = 2;
    options.loader_threads = 2;
    for (uint32_t lines = 1; kills < KILLS; kills++, lines += kills % 2)
        if (train_or_die(often, &options, lines, nsky_rng_range(&rng, 0, step_s)))
            break;
    print_message("killed %u times\n", kills);
    assert_true(kills >= 3);
    if (!nsky_file_exists(often))
        assert_true(train_or_die(often, &options, UINT32_MAX, 0));
    assert_same_file(once, often);
    assert_int_equal(losses_of(path_of("once/model.safetensors.train/log.jsonl"), losses), 6);
    assert_int_equal(losses_of(path_of("often/model.safetensors.train/log.jsonl"), again), 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(losses[i] == again[i] && losses[i] > 0);
}

static void test_stopped(void **unused)
{
    nsky_train_options options = small_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    const char *out = path_of("stop/model.safetensors");
    atomic_bool stop = true;

    (void)unused;
    options.stop = &stop;
    assert_fails(train(out, &options, &report, &err), NSKY_ECANCELLED, err, "run the same command");
    assert_true(nsky_file_exists(path_of("stop/model.safetensors.train/checkpoint.safetensors")));
    assert_false(nsky_file_exists(out));
    stop = false;
    assert_ok(train(out, &options, &report, &err), err);
    assert_int_equal(report.steps, 6);
    assert_int_equal(report.rows, ROWS);
    assert_same_file(out, path_of("once/model.safetensors"));
}

/* What the user gets: no random network, its own preprocessing, float16 but for the vectors. */
static void test_model(void **unused)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model;
    nsky_encoder *encoder;
    nsky_encoder_options options = {"cpu", NSKY_FP32, 0};
    float images[2 * 3 * 16 * 16], vectors[2 * 512];
    nsky_rng rng = nsky_rng_at(1, 1, 1);
    struct stat about;

    (void)unused;
    nsky_rng_fill_normal(&rng, images, 2 * 3 * 16 * 16);
    assert_int_equal(stat(path_of("once/model.safetensors"), &about), 0);
    assert_true(about.st_size < 25 << 20);
    assert_ok(nsky_model_open(&model, path_of("once/model.safetensors"), &err), err);
    assert_false(nsky_model_info_of(model)->random_weights);
    assert_int_equal(nsky_model_info_of(model)->preprocess.size, 16);
    assert_string_equal(nsky_model_info_of(model)->name, "model");
    assert_null(nsky_model_weight(model, "projection.0.weight"));
    assert_ok(nsky_encoder_open(&encoder, model, &options, &err), err);
    const nsky_tensor tensor = {images, 2, 3, 16, 16};
    assert_ok(nsky_encoder_embed(encoder, &tensor, vectors, &err), err);
    nsky_encoder_close(encoder);
    nsky_model_close(model);
}

static void copy_with(const char *from, const char *to, size_t flip, size_t cut)
{
    nsky_error err = NSKY_ERROR_INIT;
    unsigned char *image;
    size_t bytes;

    assert_ok(nsky_file_read((void **)&image, &bytes, from, 1 << 28, &err), err);
    if (flip < bytes)
        image[flip] ^= 4;
    assert_ok(nsky_file_write(to, image, cut < bytes ? cut : bytes, &err), err);
    nsky_free(image);
}

static void test_damaged(void **unused)
{
    nsky_train_options options = small_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    const char *good = path_of("once/model.safetensors.train/checkpoint.safetensors");
    const char *bad = path_of("bad.safetensors.train/checkpoint.safetensors");
    const char *out = path_of("bad.safetensors");
    struct stat about;

    (void)unused;
    assert_ok(nsky_make_directories(path_of("bad.safetensors.train"), &err), err);
    assert_int_equal(stat(good, &about), 0);
    size_t bytes = (size_t)about.st_size;
    const size_t flips[] = {0, 20, bytes / 2, bytes - 3}, cuts[] = {0, 7, 100, bytes - 1};
    for (size_t i = 0; i < 4; i++) {
        copy_with(good, bad, flips[i], SIZE_MAX);
        assert_int_not_equal(train(out, &options, &report, &err), NSKY_OK);
        assert_non_null(strstr(err.text, "checkpoint.safetensors"));
        copy_with(good, bad, SIZE_MAX, cuts[i]);
        assert_int_equal(train(out, &options, &report, &err), NSKY_EDATA);
    }
    assert_ok(nsky_file_write(bad, "{}", 2, &err), err);
    assert_int_equal(train(out, &options, &report, &err), NSKY_EDATA);
    copy_with(path_of("once/model.safetensors"), bad, SIZE_MAX, SIZE_MAX);
    assert_fails(train(out, &options, &report, &err), NSKY_EDATA, err, "--fresh");
    assert_false(nsky_file_exists(out));
}

static void test_other_options(void **unused)
{
    nsky_train_options options = small_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    const char *out = path_of("once/model.safetensors");

    (void)unused;
    options.temperature = 0.5f;
    assert_fails(train(out, &options, &report, &err), NSKY_EMISMATCH, err, "temperature");
    options = small_options();
    options.augment.flips = !options.augment.flips;
    assert_fails(train(out, &options, &report, &err), NSKY_EMISMATCH, err, "augment");
    options = small_options();
    options.batch = 6;
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "multiple");
    options = small_options();
    options.batch = 32;
    options.queue = 64;
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "smaller batch");
    options = small_options();
    options.bins = 4;
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "labels");
}

/* Begun with the trunk that was learned: with no learning rate to speak of it stays what it was. */
static void test_initial(void **unused)
{
    nsky_train_options options = small_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *first, *second;

    (void)unused;
    options.init = path_of("once/model.safetensors");
    options.rate = 1e-12;
    options.epochs = 1;
    assert_ok(train(path_of("tuned.safetensors"), &options, &report, &err), err);
    assert_ok(nsky_model_open(&first, options.init, &err), err);
    assert_ok(nsky_model_open(&second, path_of("tuned.safetensors"), &err), err);
    const nsky_weight *a = nsky_model_weight(first, "layer3.0.conv1.weight");
    const nsky_weight *b = nsky_model_weight(second, "layer3.0.conv1.weight");
    for (size_t i = 0; i < 1000; i++)
        assert_true(a->data[i] == b->data[i]);
    nsky_model_close(first);
    nsky_model_close(second);
}

/* Stars' colours, learned as classes and as numbers: eight rows are kept back. */
static void write_labels(void)
{
    FILE *train_file = fopen(labels, "w"), *test_file = fopen(others, "w");

    assert_true(train_file && test_file);
    fputs("name,label,number\n", train_file);
    fputs("name,label,number\n", test_file);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_rng rng = nsky_rng_at(5, 32, row);
        double g = nsky_rng_range(&rng, 1, 9), r = nsky_rng_range(&rng, 1, 9);
        fprintf(row < 19 ? train_file : test_file, "s-%u,%s,%.3f\n", row, g > r ? "blue" : "red",
                0.1 * r);
    }
    fclose(train_file);
    fclose(test_file);
}

static void test_labels(void **unused)
{
    nsky_train_options options = small_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;

    (void)unused;
    write_labels();
    options.labels = labels;
    options.validate = others;
    options.predict = path_of("said.csv");
    assert_ok(train(path_of("classes.safetensors"), &options, &report, &err), err);
    assert_true(report.validation >= 0 && report.validation <= 1);
    assert_int_equal(lines_of(options.predict), ROWS + 1);
    options.bins = 4;
    options.label_column = "number";
    options.predict = path_of("numbers.csv");
    assert_ok(train(path_of("numbers.safetensors"), &options, &report, &err), err);
    assert_true(report.validation >= 0 && report.validation < 1);
    assert_int_equal(lines_of(options.predict), ROWS + 1);
    options.label_column = "label";
    options.fresh = true;
    assert_fails(train(path_of("numbers.safetensors"), &options, &report, &err), NSKY_EDATA, err,
                 "no number");
    options.label_column = "nothing";
    assert_fails(train(path_of("numbers.safetensors"), &options, &report, &err), NSKY_EINVAL, err,
                 "nothing");
    options.label_column = "number";
    options.validate = labels;
    assert_fails(train(path_of("numbers.safetensors"), &options, &report, &err), NSKY_EINVAL, err,
                 "train on too");
}

/* Several columns; some objects have no class, some no number. */
static void write_head_labels(void)
{
    FILE *train_file = fopen(labels, "w"), *test_file = fopen(others, "w");

    fputs("name,label,number,bad\n", train_file);
    fputs("name,label,number,bad\n", test_file);
    for (uint32_t row = 0; row < ROWS; row++) {
        FILE *file = row < 19 ? train_file : test_file;
        fprintf(file, "s-%u,%s,", row, row % 3 == 2 ? "" : row % 3 ? "blue" : "red");
        if (row % 4 != 1)
            fprintf(file, "%.3f", 0.1 * (double)row);
        fprintf(file, ",%s\n", row % 2 ? "" : "trail");
    }
    fclose(train_file);
    fclose(test_file);
}

static nsky_train_options head_options(void)
{
    nsky_train_options o = small_options();

    write_head_labels();
    o.labels = labels;
    o.heads = "class:label,bins4:number:0.5,number:number,flag:bad:2";
    o.batch = 4;
    o.clip = 0.5;
    o.keep = 0.9;
    o.slow = true;
    return o;
}

/* Several heads, clipping and the average of late weights go on as if nothing had happened. */
static void test_heads_killed(void **unused)
{
    nsky_train_options options = head_options();
    const char *once = path_of("heads-once/model.safetensors");
    const char *twice = path_of("heads-twice/model.safetensors");

    (void)unused;
    assert_true(train_or_die(once, &options, UINT32_MAX, 0));
    options.checkpoint_s = 0;
    options.threads = 2;
    if (!train_or_die(twice, &options, 2, 0.01) && !train_or_die(twice, &options, 5, 0.01))
        assert_true(train_or_die(twice, &options, UINT32_MAX, 0));
    assert_same_file(once, twice);
}

static void test_heads(void **unused)
{
    nsky_train_options options = head_options();
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    const char *out = path_of("heads.safetensors");
    nsky_model *model;

    (void)unused;
    options.validate = others;
    options.snapshots = true;
    options.predict = path_of("heads-said.csv");
    assert_ok(train(out, &options, &report, &err), err);
    assert_true(report.validation >= 0 && report.validation <= 1);
    assert_int_equal(lines_of(options.predict), ROWS + 1);
    assert_ok(nsky_model_open(&model, out, &err), err);
    nsky_model_close(model);
    options.heads = "class:label,bins4:number:0.5,number:number,flag:bad:1";
    assert_fails(train(out, &options, &report, &err), NSKY_EMISMATCH, err, "heads");
    options.fresh = true;
    options.heads = "class:label,rubbish";
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "KIND:COLUMN");
    options.heads = "number:label";
    assert_fails(train(out, &options, &report, &err), NSKY_EDATA, err, "no number");
    options.heads = "class:label";
    options.bins = 4;
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "one column");
    options.bins = 0;
    options.validate = labels;
    assert_fails(train(out, &options, &report, &err), NSKY_EINVAL, err, "train on too");
}

static int set_up(void **unused)
{
    (void)unused;
    if (!mkdtemp(folder))
        return 1;
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(labels, sizeof labels, "%s/labels.csv", folder);
    snprintf(others, sizeof others, "%s/others.csv", folder);
    make_store(store, "s", ROWS, 32, 0.262);
    return 0;
}

static int tear_down(void **unused)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)unused;
    return nsky_remove_tree(folder, &err) == NSKY_OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed), /* first: it forks, and threads would not come along */
        cmocka_unit_test(test_heads_killed),  cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_model),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_other_options), cmocka_unit_test(test_initial),
        cmocka_unit_test(test_labels),        cmocka_unit_test(test_heads),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

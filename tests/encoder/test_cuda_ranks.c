/* test_cuda_ranks.c - one training by several processes, each with a card of host memory and a NCCL
 * of host memory: against one process that does all of it; stopped, killed and taken up again; and
 * what is refused. The module of the tests is both the back end and NCCL. Thread rule: one thread a
 * process, but for the one that asks to stop. */
#include "tests/encoder/module_support.h"
#include "tests/encoder/train_networks.h"

#include <pthread.h>

#include "common/clock.h"
#include "encoder/registry.h"
#include "encoder/train/learner.h"
#include "tests/encoder/train_support.h"

#define RANKS_MAX 3u
#define NOTICE_S 20.0 /* in which the others must have ended */

typedef void rank_fn(uint32_t rank, uint32_t ranks);

static char said[RANKS_MAX][8192]; /* on stderr */

static const char *said_in(uint32_t rank)
{
    char name[32];

    snprintf(name, sizeof name, "said-%u", rank);
    return in_directory(name);
}

/* A rank in a process of its own. */
static pid_t begin(rank_fn *run, uint32_t rank, uint32_t ranks)
{
    fflush(NULL);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child > 0)
        return child;
    if (!freopen(said_in(rank), "w", stderr))
        _exit(2);
    setenv(NSKY_CUDA_MODULE_ENV, TEST_HOST_MODULE, 1);
    setenv("NEARSKY_NCCL", TEST_HOST_MODULE, 1);
    run(rank, ranks);
    fflush(NULL);
    _exit(0);
}

/* What it said, into said; false: it did not end well. */
static bool end(pid_t child, uint32_t rank)
{
    int status;
    FILE *file;

    assert_int_equal(waitpid(child, &status, 0), child);
    file = fopen(said_in(rank), "re");
    assert_non_null(file);
    said[rank][fread(said[rank], 1, sizeof said[rank] - 1, file)] = '\0';
    fclose(file);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void run_all(rank_fn *run, uint32_t ranks)
{
    pid_t children[RANKS_MAX];

    for (uint32_t r = 0; r < ranks; r++)
        children[r] = begin(run, r, ranks);
    for (uint32_t r = 0; r < ranks; r++)
        if (!end(children[r], r)) {
            for (uint32_t other = r + 1; other < ranks; other++)
                kill(children[other], SIGKILL);
            fail_msg("rank %u/%u failed: %s", r + 1, ranks, said[r]);
        }
}

/* --- a learner's steps --- */

#define SIDE 16u
#define DIM 8u
#define STEPS 6u

static struct {
    uint32_t batch, sub_batch;
    bool symmetric, neighbours;
} asked;

/* Losses, first gradients, and the state: of which every rank holds all. */
typedef struct course {
    float *all;
    size_t count, gradients, params; /* where these end */
} course;

static char *course_path(uint32_t rank, uint32_t ranks)
{
    static char path[1024];
    char name[32];

    snprintf(name, sizeof name, "course-%u-of-%u", rank, ranks);
    snprintf(path, sizeof path, "%s", in_directory(name));
    return path;
}

static void put(FILE *file, const float *from, size_t count)
{
    REQUIRE(fwrite(from, sizeof *from, count, file) == count);
}

/* Both views of a batch's objects `first` on: blobs in noise, one object like itself. */
static float *make_views(uint64_t step, uint32_t first, uint32_t count)
{
    size_t image = (size_t)3 * SIDE * SIDE;
    float *out = malloc(2 * count * image * sizeof *out);

    for (uint32_t n = 0; n < 2 * count; n++) {
        nsky_rng rng = nsky_rng_at(8 + step % 3, first + n % count, 0);
        double bright = exp(nsky_rng_normal(&rng)), width = nsky_rng_range(&rng, 2, 4);
        rng = nsky_rng_at(8 + step % 3, first + n % count, 1 + n / count);
        for (size_t i = 0; i < image; i++) {
            double x = (double)(i % SIDE) - 7.5, y = (double)(i / SIDE % SIDE) - 7.5;
            out[n * image + i] = (float)(bright * exp(-(x * x + y * y) / (2 * width * width)) +
                                         0.1 * nsky_rng_normal(&rng));
        }
    }
    return out;
}

static void learn(uint32_t rank, uint32_t ranks)
{
    static nsky_train_graph query, key;
    nsky_learner_options o = {.precision = NSKY_BF16,
                              .query = &query,
                              .key = &key,
                              .batch = asked.batch,
                              .sub_batch = asked.sub_batch,
                              .threads = 1,
                              .queue = 96,
                              .temperature = 0.2f,
                              .symmetric = asked.symmetric,
                              .neighbours = asked.neighbours,
                              .seed = 4,
                              .rank = rank,
                              .ranks = ranks};
    const nsky_train_meeting meeting = {
        .folder = in_directory("ranks"), .timeout_s = 60, .same = "alike"};
    uint32_t share = asked.batch / ranks;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner_result result;
    nsky_learner *learner;
    FILE *file = fopen(course_path(rank, ranks), "wb");

    tiny_trunk(&query, SIDE);
    nsky_train_add_mlp(&query, "projection", query.value_count - 1, 16, DIM);
    key = query;
    REQUIRE(file && nsky_registry_choose_training(&o.ops, "cuda", NSKY_BF16, &err) == NSKY_OK);
    REQUIRE(nsky_learner_new(&learner, &o, &err) == NSKY_OK);
    REQUIRE(ranks == 1 || nsky_learner_join(learner, &meeting, &err) == NSKY_OK);
    for (uint64_t s = 0; s < STEPS; s++) {
        const nsky_learner_rates rates = {.sgd = {0.02, 0.9, 1e-3},
                                          .keep = 0.95,
                                          .clip = s % 2 ? 0.5 : 0,
                                          .step = s,
                                          .stop = s == 3 && rank + 1 == ranks};
        float *images = make_views(s, rank * share, share);
        REQUIRE(nsky_learner_step(learner, images, NULL, &rates, &result, &err) == NSKY_OK);
        REQUIRE(result.stop == (s == 3));
        free(images);
        const float said_now[2] = {(float)result.loss, (float)result.accuracy};
        put(file, said_now, 2);
        REQUIRE(nsky_learner_fetch(learner, &err) == NSKY_OK);
        if (s == 0)
            put(file, nsky_learner_gradients(learner), query.param_floats);
    }
    nsky_learner_leave(learner);
    const nsky_learner_state *state = nsky_learner_state_of(learner);
    put(file, state->params, query.param_floats);
    put(file, state->velocity, query.param_floats);
    put(file, state->stats, query.stat_floats);
    put(file, state->slow_params, key.param_floats);
    put(file, state->slow_stats, key.stat_floats);
    put(file, state->queue, (size_t)o.queue * DIM);
    REQUIRE(fclose(file) == 0);
    nsky_learner_free(learner);
}

static course course_of(uint32_t rank, uint32_t ranks)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t bytes;
    void *data;
    course c;

    assert_ok(nsky_file_read(&data, &bytes, course_path(rank, ranks), 1 << 26, &err), err);
    c.all = data;
    c.count = bytes / sizeof(float);
    return c;
}

/* The ranks' states are one; how far it is from one process's, as a share of the length of all. */
static double ranks_apart(uint32_t ranks)
{
    run_all(learn, 1);
    run_all(learn, ranks);
    course alone = course_of(0, 1), first = course_of(0, ranks);
    assert_int_equal(first.count, alone.count);
    for (uint32_t r = 1; r < ranks; r++) {
        course other = course_of(r, ranks);
        assert_int_equal(other.count, first.count);
        assert_memory_equal(other.all, first.all, first.count * sizeof(float));
        nsky_free(other.all);
    }
    double off = distance(first.all, alone.all, alone.count);
    print_message("%u ranks, %u objects in sub-batches of %u%s: apart by %.2e\n", ranks,
                  asked.batch, asked.sub_batch, asked.symmetric ? ", both views" : "", off);
    nsky_free(alone.all);
    nsky_free(first.all);
    return off;
}

/* Where gradients are summed in the same order, all is the same bits: one sub-batch a rank, one
 * direction. Else sums differ by their rounding, which bf16 then makes larger. */
static void test_ranks_against_one(void **state)
{
    (void)state;
    asked.batch = 24, asked.sub_batch = 12, asked.symmetric = false, asked.neighbours = true;
    assert_true(ranks_apart(2) == 0);
    asked.sub_batch = 8, asked.neighbours = false;
    assert_true(ranks_apart(3) == 0);
    asked.batch = 32, asked.symmetric = true;
    assert_true(ranks_apart(2) < 1e-2);
}

/* --- a whole training --- */

#define ROWS 33u /* four steps an epoch */

static char store[1024], model[1024];
static const char *spoiler; /* what the last rank does otherwise */

static uint32_t log_lines(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t lines = 0;
    char path[1100];
    size_t bytes;
    void *text;

    snprintf(path, sizeof path, "%s.train/log.jsonl", model);
    if (nsky_file_read(&text, &bytes, path, 1 << 26, &err) != NSKY_OK)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        lines += ((const char *)text)[i] == '\n';
    nsky_free(text);
    return lines;
}

/* Of each step in the log. */
static void read_losses(double out[8])
{
    nsky_error err = NSKY_ERROR_INIT;
    char path[1100];
    size_t bytes;
    void *text;

    snprintf(path, sizeof path, "%s.train/log.jsonl", model);
    assert_ok(nsky_file_read(&text, &bytes, path, 1 << 26, &err), err);
    char *line = text;
    for (int i = 0; i < 8; i++) {
        line = strstr(line, "\"loss\":");
        assert_non_null(line);
        out[i] = strtod(line += strlen("\"loss\":"), NULL);
    }
    nsky_free(text);
}

static void *ask_to_stop(void *stop)
{
    while (log_lines() < 2)
        usleep(1000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

static nsky_train_options options_of(uint32_t rank, uint32_t ranks)
{
    nsky_train_options o = smallest_training();

    o.sub_batch = 4;
    o.device = "cuda";
    o.precision = NSKY_BF16;
    o.name = "small";
    o.rank = rank;
    o.ranks = ranks;
    return o;
}

/* Ends well, or says why not. */
static void train(uint32_t rank, uint32_t ranks)
{
    const char *const stores[] = {store};
    nsky_train_options o = options_of(rank, ranks);
    bool spoils = spoiler && rank + 1 == ranks;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_train_report report;
    atomic_bool stop = false;
    pthread_t thread;

    o.stop = &stop;
    if (spoils && strcmp(spoiler, "stop") == 0)
        REQUIRE(pthread_create(&thread, NULL, ask_to_stop, &stop) == 0);
    if (spoils && strcmp(spoiler, "rate") == 0)
        o.rate *= 2;
    o.host_views = spoiler && strcmp(spoiler, "host") == 0;
    nsky_status status = nsky_train_survey(stores, 1, model, &o, &report, &err);
    fprintf(stderr, "status %d, %llu steps, loss %.9g: %s\n", (int)status,
            (unsigned long long)report.steps, report.loss, err.text);
}

static void name_model(const char *name)
{
    snprintf(model, sizeof model, "%s", in_directory(name));
}

/* The loss that the rank said, having ended well after so many steps. */
static double loss_of(uint32_t rank, uint32_t steps)
{
    unsigned long long done;
    double loss = NAN;
    int status;
    const char *last = strstr(said[rank], "status ");

    if (!last || sscanf(last, "status %d, %llu steps, loss %lf", &status, &done, &loss) != 3 ||
        status != NSKY_OK || done != steps)
        fail_msg("rank %u: %s", rank + 1, said[rank]);
    return loss;
}

static void assert_said(uint32_t rank, nsky_status status, const char *word)
{
    char begin_of[32];

    snprintf(begin_of, sizeof begin_of, "status %d,", (int)status);
    if (!strstr(said[rank], begin_of) || !strstr(said[rank], word))
        fail_msg("rank %u: \"%s\" says nothing of status %d and \"%s\"", rank + 1, said[rank],
                 (int)status, word);
}

static void assert_same_models(const char *a, const char *b)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t sizes[2];
    void *files[2];

    assert_ok(nsky_file_read(&files[0], &sizes[0], in_directory(a), 1 << 28, &err), err);
    assert_ok(nsky_file_read(&files[1], &sizes[1], in_directory(b), 1 << 28, &err), err);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(files[0], files[1], sizes[0]);
    nsky_free(files[0]);
    nsky_free(files[1]);
}

static void test_training(void **state)
{
    (void)state;
    double alone[8], whole[8];

    name_model("alone.safetensors");
    run_all(train, 1);
    loss_of(0, 8);
    read_losses(alone);
    name_model("whole.safetensors");
    run_all(train, 2);
    double whole_loss = loss_of(0, 8);
    assert_true(loss_of(1, 8) == whole_loss);
    assert_int_equal(log_lines(), 8); /* one of the two writes */
    read_losses(whole);
    /* Before the first sum the same bits; then apart by 2e-8, until bf16 rounds something else. */
    assert_true(alone[0] == whole[0]);
    for (int i = 0; i < 8; i++) {
        print_message("step %d: loss alone %.9g, of two ranks %.9g\n", i + 1, alone[i], whole[i]);
        assert_true(i > 2 || fabs(whole[i] - alone[i]) < 1e-5 * alone[i]);
        assert_true(fabs(whole[i] - alone[i]) < 0.3 * alone[i]);
    }
    name_model("host.safetensors");
    spoiler = "host";
    run_all(train, 2);
    assert_true(loss_of(0, 8) == whole_loss);
    spoiler = NULL;
}

/* One rank is asked to stop, one is killed; the end is as if nothing had been. Behind
 * test_training. */
static void test_interrupted(void **state)
{
    (void)state;
    pid_t children[2];

    name_model("interrupted.safetensors");
    spoiler = "stop";
    run_all(train, 2);
    spoiler = NULL;
    assert_said(0, NSKY_ECANCELLED, "run the same command");
    assert_said(1, NSKY_ECANCELLED, "run the same command");
    uint32_t before = log_lines();
    assert_true(before >= 2 && before < 8);
    for (uint32_t r = 0; r < 2; r++)
        children[r] = begin(train, r, 2);
    while (log_lines() <= before)
        usleep(1000);
    double killed_s = nsky_now_s();
    kill(children[1], SIGKILL);
    assert_false(end(children[1], 1));
    assert_true(end(children[0], 0));
    assert_true(nsky_now_s() - killed_s < NOTICE_S);
    assert_said(0, NSKY_EDEVICE, "rank 2/2 has ended; start all ranks again");
    run_all(train, 2);
    assert_true(loss_of(0, 8) == loss_of(1, 8));
    assert_int_equal(log_lines(), 8);
    assert_same_models("interrupted.safetensors", "whole.safetensors");
}

static void test_other_words(void **state)
{
    (void)state;
    name_model("other.safetensors");
    spoiler = "rate";
    run_all(train, 2);
    spoiler = NULL;
    for (uint32_t r = 0; r < 2; r++)
        assert_said(r, NSKY_EMISMATCH, "give all the same words");
}

/* With a sentence that says what to do. */
static void be_refused(uint32_t rank, uint32_t ranks)
{
    const char *const stores[] = {store};
    nsky_train_options o = options_of(rank, 2);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_train_report report;

    (void)ranks;
    o.labels = "labels.csv";
    REQUIRE(nsky_train_survey(stores, 1, model, &o, &report, &err) == NSKY_EINVAL);
    REQUIRE(strstr(err.text, "leave out --rank"));
    o = options_of(2, 2);
    REQUIRE(nsky_train_survey(stores, 1, model, &o, &report, &err) == NSKY_EINVAL);
    o = options_of(0, 4);
    REQUIRE(nsky_train_survey(stores, 1, model, &o, &report, &err) == NSKY_EINVAL);
    REQUIRE(strstr(err.text, "multiple of --sub-batch times the ranks"));
    o = options_of(0, 2);
    o.device = "cpu";
    o.precision = NSKY_FP32;
    REQUIRE(nsky_train_survey(stores, 1, model, &o, &report, &err) == NSKY_EINVAL);
    REQUIRE(strstr(err.text, "give --device cuda, or leave out --rank"));
    o = options_of(0, 2);
    setenv("NEARSKY_NCCL", "nothing-here.so", 1);
    REQUIRE(nsky_train_survey(stores, 1, model, &o, &report, &err) == NSKY_EDEVICE);
    REQUIRE(strstr(err.text, "install NCCL 2"));
}

static void test_refusals(void **state)
{
    (void)state;
    name_model("refused.safetensors");
    run_all(be_refused, 1);
}

static int setup(void **state)
{
    if (make_test_directory(state) != 0)
        return 1;
    snprintf(store, sizeof store, "%s", in_directory("store"));
    make_store(store, "stars", ROWS, 24, NSKY_SCALE_ARCSEC_PX);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_against_one), cmocka_unit_test(test_training),
        cmocka_unit_test(test_interrupted),       cmocka_unit_test(test_other_words),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, remove_test_directory);
}

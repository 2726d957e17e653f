/* test_cpu_network.c - whole networks on oneDNN: agreement with plain C, neighbours in a batch,
 * threads, memory. Thread rule: one thread, but for the test of two. */
#include <dlfcn.h>
#include <pthread.h>

#include "encoder/model.h"
#include "tests/encoder/cpu_support.h"

static bool have(bool bf16)
{
    return nsky_backend_cpu.available(bf16 ? NSKY_BF16 : NSKY_FP32);
}

typedef struct network {
    nsky_model *model;
    nsky_graph *graph;
} network;

static network network_open(nsky_arch arch, nsky_stem stem, uint32_t size)
{
    nsky_error err = NSKY_ERROR_INIT;
    network net = {0};

    assert_ok(nsky_model_random(&net.model, arch, stem, 11, &err), err);
    assert_ok(nsky_graph_build(&net.graph, net.model, size, &err), err);
    return net;
}

static void network_close(network *net)
{
    nsky_graph_free(net->graph);
    nsky_model_close(net->model);
}

static float *random_images(const nsky_graph *graph, uint32_t batch, uint32_t seed)
{
    size_t count = batch * value_floats(graph, 0);
    float *images = malloc(count * sizeof *images);
    nsky_rng rng = nsky_rng_at(5, 6, seed);

    assert_non_null(images);
    nsky_rng_fill_normal(&rng, images, count);
    return images;
}

/* a and b without their means, which random networks share for all images. */
static double cosine(const float *a, const float *b, size_t count)
{
    double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < count; i++) {
        mean_a += a[i] / (double)count;
        mean_b += b[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / sqrt(aa * bb);
}

static void compare(nsky_arch arch, nsky_stem stem, uint32_t size, uint32_t batch)
{
    network net = network_open(arch, stem, size);
    float *images = random_images(net.graph, batch, size);
    size_t count = (size_t)batch * net.graph->dim;
    test_run ref = run_open(&nsky_backend_ref, net.graph, false, batch, false);
    float *want = run_images(&ref, images);

    for (int bf16 = 0; bf16 < 2; bf16++) {
        if (!have(bf16))
            continue;
        test_run cpu = run_open(&nsky_backend_cpu, net.graph, bf16, batch, false);
        float *got = run_images(&cpu, images);
        for (uint32_t n = 0; n < batch; n++) {
            double near =
                cosine(got + n * net.graph->dim, want + n * net.graph->dim, net.graph->dim);
            print_message("%s %u px %s: cosine 1 - %.1e\n", nsky_arch_name(arch), size,
                          bf16 ? "bf16" : "fp32", 1 - near);
            assert_true(near >= (bf16 ? 0.999 : 0.999999));
        }
        guarded_free(got, count);
        cpu.ops->close(cpu.state);
    }
    guarded_free(want, count);
    ref.ops->close(ref.state);
    free(images);
    network_close(&net);
}

static void test_networks_agree(void **state)
{
    (void)state;
    compare(NSKY_RESNET18, NSKY_STEM_IMAGENET, 96, 2);
    compare(NSKY_RESNET18, NSKY_STEM_SMALL, 33, 1);
    compare(NSKY_RESNET34, NSKY_STEM_IMAGENET, 71, 1);
    compare(NSKY_RESNET50, NSKY_STEM_IMAGENET, 96, 1);
    compare(NSKY_RESNET50, NSKY_STEM_IMAGENET, 9, 3);
}

/* Each image alone among NaNs, at another place, must give the bits it gave in company. */
static void neighbours(nsky_arch arch, uint32_t size, bool bf16)
{
    enum { BATCH = 5 };
    network net = network_open(arch, NSKY_STEM_IMAGENET, size);
    size_t floats = value_floats(net.graph, 0), dim = net.graph->dim;
    float *images = random_images(net.graph, BATCH, 1);
    float *alone = malloc(BATCH * floats * sizeof *alone);
    test_run cpu = run_open(&nsky_backend_cpu, net.graph, bf16, BATCH, false);
    float *together = run_images(&cpu, images);

    assert_non_null(alone);
    for (uint32_t n = 0; n < BATCH; n++) {
        uint32_t at = (n + 2) % BATCH;
        for (size_t i = 0; i < BATCH * floats; i++)
            alone[i] = NAN;
        memcpy(alone + at * floats, images + n * floats, floats * sizeof *alone);
        float *out = run_images(&cpu, alone);
        assert_memory_equal(out + at * dim, together + n * dim, dim * sizeof *out);
        guarded_free(out, BATCH * dim);
    }
    guarded_free(together, BATCH * dim);
    cpu.ops->close(cpu.state);
    free(alone);
    free(images);
    network_close(&net);
}

static void test_neighbours_do_not_matter(void **state)
{
    (void)state;
    const uint32_t sizes[] = {96, 61, 33};

    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            if (have(bf16)) {
                neighbours(NSKY_RESNET50, sizes[i], bf16);
                neighbours(NSKY_RESNET18, sizes[i], bf16);
            }
}

typedef struct worker {
    pthread_t thread;
    const nsky_graph *graph;
    const float *images;
    float *out; /* [batch, dim] of the last run */
    nsky_status status;
    nsky_error err;
} worker;

enum { WORKER_BATCH = 2, WORKER_RUNS = 6 };

/* Opens for itself, so that opening is concurrent too. No cmocka: it is not for threads. */
static void *work(void *opaque)
{
    worker *w = opaque;
    uint32_t batch = WORKER_BATCH;
    void *state = NULL;

    w->err = (nsky_error)NSKY_ERROR_INIT;
    w->status = nsky_backend_cpu.open(&state, w->graph, NSKY_FP32, &batch, &w->err);
    for (int i = 0; i < WORKER_RUNS && w->status == NSKY_OK; i++)
        w->status = nsky_backend_cpu.run(state, w->images, w->out, &w->err);
    nsky_backend_cpu.close(state);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    network net = network_open(NSKY_RESNET18, NSKY_STEM_IMAGENET, 64);
    size_t count = WORKER_BATCH * (size_t)net.graph->dim;
    worker workers[2];
    float *want[2];

    for (uint32_t i = 0; i < 2; i++) {
        workers[i] = (worker){.graph = net.graph,
                              .images = random_images(net.graph, WORKER_BATCH, i),
                              .out = guarded_new(count)};
        test_run serial = run_open(&nsky_backend_cpu, net.graph, false, WORKER_BATCH, false);
        want[i] = run_images(&serial, workers[i].images);
        serial.ops->close(serial.state);
    }
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_ok(workers[i].status, workers[i].err);
        assert_memory_equal(workers[i].out, want[i], count * sizeof(float));
        guarded_free(workers[i].out, count);
        guarded_free(want[i], count);
        free((void *)(uintptr_t)workers[i].images);
    }
    network_close(&net);
}

static nsky_status open_and_close(void *graph, nsky_error *err)
{
    uint32_t batch = 0;
    void *state = (void *)graph;
    nsky_status status = nsky_backend_cpu.open(&state, graph, NSKY_FP32, &batch, err);

    if (status != NSKY_OK)
        assert_null(state);
    nsky_backend_cpu.close(state);
    return status;
}

static void test_open_without_memory(void **state)
{
    (void)state;
    network net = network_open(NSKY_RESNET50, NSKY_STEM_IMAGENET, 32); /* gathers and folds */

    assert_true(exhaust_memory(open_and_close, net.graph) > 6);
    network_close(&net);
}

static void test_open_says_what_it_cannot(void **state)
{
    (void)state;
    network net = network_open(NSKY_RESNET18, NSKY_STEM_IMAGENET, 32);
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t batch = 100000;
    void *opened;
    char text[128];

    nsky_backend_cpu.describe(text, sizeof text);
    assert_non_null(strstr(text, "oneDNN"));
    assert_int_equal(strstr(text, "bf16") != NULL, have(true));
    assert_fails(nsky_backend_cpu.open(&opened, net.graph, NSKY_FP32, &batch, &err), NSKY_ELIMIT,
                 err, "100000");
    batch = 0;
    if (!have(true))
        assert_fails(nsky_backend_cpu.open(&opened, net.graph, NSKY_BF16, &batch, &err),
                     NSKY_EDEVICE, err, "fp32");
    nsky_backend_cpu.close(NULL);
    network_close(&net);
}

/* The caller's thread may search with many threads after it has embedded with one. */
static void test_openmp_setting_is_put_back(void **state)
{
    (void)state;
    int (*get)(void) = NULL;
    void (*set)(int) = NULL;
    network net = network_open(NSKY_RESNET18, NSKY_STEM_IMAGENET, 32);
    float *images = random_images(net.graph, 1, 1);

    *(void **)&get = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    *(void **)&set = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (get && set)
        set(3);
    test_run run = run_open(&nsky_backend_cpu, net.graph, false, 1, false);
    guarded_free(run_images(&run, images), net.graph->dim);
    if (get && set)
        assert_int_equal(get(), 3);
    run.ops->close(run.state);
    free(images);
    network_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_agree),
        cmocka_unit_test(test_neighbours_do_not_matter),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_open_without_memory),
        cmocka_unit_test(test_open_says_what_it_cannot),
        cmocka_unit_test(test_openmp_setting_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

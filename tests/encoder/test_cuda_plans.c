/* test_cuda_plans.c - every layer's plan exists for Hopper. No card is needed: cuDNN plans for one
 * it is only told of. That a plan exists does not show that it runs, or how fast; scripts/gpu-check
 * does. Skips where cuDNN is not. Thread rule: one thread. */
#include "tests/common/support.h"

#include "encoder/arch.h"
#include "encoder/cuda/choices.h"
#include "encoder/cuda/dnn.h"

/* cuDNN loads libraries, asks for memory in them and unloads them: it is not ours to free, and what
 * is unloaded no suppression can name. Leaks are not looked for, all else is. LeakSanitizer's name.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

/* An H100 SXM5: NVIDIA's public figures (H100 white paper; CUDA C++ programming guide, compute
 * capability 9.0). */
static const char hopper[] =
    "{\"schemaVersion\":1,\"cudnnVersion\":%zu,\"deviceName\":\"NVIDIA H100 80GB HBM3\","
    "\"cudaDeviceId\":0,\"pciDeviceId\":0,\"deviceVer\":900,\"driverVer\":13000,"
    "\"isTccDriver\":0,\"multiProcessorCount\":132,\"warpSize\":32,"
    "\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000,"
    "\"totalGlobalMem\":85899345920,\"l2CacheSize\":52428800,"
    "\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
    "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"maxCtasPerSM\":32,"
    "\"regsPerBlock\":65536,\"maxRegistersPerSM\":65536,\"maxSharedMemoryPerBlock\":49152,"
    "\"maxSharedMemoryPerBlockOptin\":232448,\"reservedSharedMemoryPerBlock\":1024,"
    "\"supportCoopLaunch\":1}";

static cudnnBackendDescriptor_t device;

static int setup(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    char json[sizeof hopper + 32];
    (void)state;
    snprintf(json, sizeof json, hopper, cudnnGetVersion());
    assert_ok(nsky_dnn_describe_device(&device, json, &err), err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nsky_dnn_free(device);
    return 0;
}

#define SHAPES_MAX 512

typedef struct shapes {
    nsky_conv_shape all[SHAPES_MAX];
    uint32_t count;
} shapes;

static void add_shape(shapes *s, const nsky_conv_shape *shape)
{
    char key[NSKY_CHOICE_KEY_BYTES], other[NSKY_CHOICE_KEY_BYTES];

    nsky_choice_key(key, shape);
    for (uint32_t i = 0; i < s->count; i++) {
        nsky_choice_key(other, &s->all[i]);
        if (strcmp(key, other) == 0)
            return;
    }
    assert_true(s->count < SHAPES_MAX);
    s->all[s->count++] = *shape;
}

/* The convolutions of a network, as network.c asks for them. */
static void add_network(shapes *s, nsky_arch arch, uint32_t size, nsky_number number,
                        uint32_t batch)
{
    static nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t count = nsky_arch_convs(arch, NSKY_STEM_IMAGENET, convs), side = size, block = size;

    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &convs[i];
        if (c->first)
            block = side;
        uint32_t from = c->role == NSKY_CONV_SHORTCUT || c->first ? block : side;
        uint32_t out = (from + 2 * c->padding - c->kernel) / c->stride + 1;
        nsky_conv_shape shape = {batch,
                                 (c->in_channels + 7) / 8 * 8,
                                 from,
                                 from,
                                 c->out_channels,
                                 out,
                                 out,
                                 c->kernel,
                                 c->stride,
                                 c->padding,
                                 c->role != NSKY_CONV_SHORTCUT,
                                 c->role == NSKY_CONV_LAST,
                                 number,
                                 NSKY_CONV_FUSED,
                                 false};
        add_shape(s, &shape);
        if (c->role == NSKY_CONV_STEM)
            out = (out - 1) / 2 + 1; /* max pooling */
        if (c->role == NSKY_CONV_SHORTCUT)
            continue;
        side = out;
    }
}

/* A ready-made engine without a large workspace, and engines enough to choose among. */
static void check_shape(const nsky_conv_shape *shape, nsky_dnn_task task)
{
    const nsky_dnn_target target = {.device = device};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_dnn_graph graph;
    char key[NSKY_CHOICE_KEY_BYTES];
    uint32_t ready = 0;

    nsky_choice_key(key, shape);
    if (nsky_dnn_graph_new(&graph, target, task, shape, &err) != NSKY_OK)
        fail_msg("%s, task %d: %s", key, task, err.text);
    for (uint32_t i = 0; i < graph.way_count && ready == 0; i++) {
        size_t workspace = 0;
        nsky_dnn_way way = nsky_dnn_way_of(&graph, i);
        assert_true(way.engine >= 0);
        cudnnBackendDescriptor_t plan = way.compiles ? NULL : nsky_dnn_plan(&graph, i, &workspace);
        if (plan && workspace <= ((size_t)64 << 20))
            ready++;
        nsky_dnn_free(plan);
    }
    if (ready == 0)
        fail_msg("%s, task %d: none of %u engines is ready-made", key, task, graph.way_count);
    nsky_dnn_graph_free(&graph);
}

static void check_networks(nsky_number number)
{
    static const uint32_t sizes[] = {64, 96, 152};
    static shapes s;

    s.count = 0;
    for (nsky_arch arch = NSKY_RESNET18; arch <= NSKY_RESNET50; arch++)
        for (uint32_t i = 0; i < 3; i++)
            add_network(&s, arch, sizes[i], number, 512);
    assert_true(s.count > 80);
    for (uint32_t i = 0; i < s.count; i++)
        check_shape(&s.all[i], NSKY_DNN_FORWARD);
}

static void test_bf16_plans(void **state)
{
    (void)state;
    check_networks(NSKY_NUMBER_BF16);
}

static void test_fp16_plans(void **state)
{
    (void)state;
    check_networks(NSKY_NUMBER_FP16);
}

/* Without TF32: dnn.c leaves out what rounds; see test_float32_stays_float32. */
static void test_fp32_plans(void **state)
{
    (void)state;
    check_networks(NSKY_NUMBER_FP32);
}

/* int8's fused graph is accepted for every layer behind the first: what cuDNN cannot do it refuses
 * when the graph is finished. Its engines are compiled at run time, for which it wants a driver:
 * where there is none it advises only slow ready-made ones, and often nothing. test_int8_compiles
 * has a driver of its own making. */
static void check_int8(bool compiled)
{
    static const nsky_arch archs[] = {NSKY_RESNET18, NSKY_RESNET50};
    const nsky_dnn_target target = {.device = device};
    static shapes s;

    s.count = 0;
    for (uint32_t i = 0; i < 2; i++)
        add_network(&s, archs[i], 96, NSKY_NUMBER_INT8, 512);
    for (uint32_t i = 0; i < s.count; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_dnn_graph graph;
        char key[NSKY_CHOICE_KEY_BYTES];
        size_t workspace = 0, engines = 0;
        nsky_choice_key(key, &s.all[i]);
        s.all[i].widen = i % 5 == 4;
        nsky_status status = nsky_dnn_graph_new(&graph, target, NSKY_DNN_FORWARD, &s.all[i], &err);
        if (!compiled && status != NSKY_OK) { /* no engine; but the graph was one */
            assert_non_null(strstr(err.text, "no engine"));
            continue;
        }
        if (status != NSKY_OK)
            fail_msg("%s: %s", key, err.text);
        for (uint32_t way = 0; compiled && way < graph.way_count && engines == 0; way++) {
            cudnnBackendDescriptor_t plan = nsky_dnn_way_of(&graph, way).compiles
                                                ? nsky_dnn_plan(&graph, way, &workspace)
                                                : NULL;
            engines += plan != NULL;
            nsky_dnn_free(plan);
        }
        if (compiled && engines == 0)
            fail_msg("%s: none of %u engines is compiled for Hopper", key, graph.way_count);
        nsky_dnn_graph_free(&graph);
    }
}

static void test_int8_graphs(void **state)
{
    (void)state;
    check_int8(false);
}

/* With tests/encoder/cuda_host/driver.c as libcuda.so.1: encoder.cuda_int8_plans. */
static void test_int8_compiles(void **state)
{
    (void)state;
    check_int8(true);
}

/* cuDNN advises TF32 for float32 first; none of it may be left. */
static void test_float32_stays_float32(void **state)
{
    (void)state;
    const nsky_dnn_target target = {.device = device};
    const nsky_conv_shape shape = {
        512, 64, 24, 24, 64, 24, 24, 3, 1, 1, true, true, NSKY_NUMBER_FP32, NSKY_CONV_FUSED, false};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_dnn_graph graph;

    assert_ok(nsky_dnn_graph_new(&graph, target, NSKY_DNN_FORWARD, &shape, &err), err);
    assert_true(graph.way_count > 0);
    for (uint32_t i = 0; i < graph.way_count; i++) {
        cudnnBackendNumericalNote_t notes[16];
        cudnnBackendDescriptor_t engine;
        int64_t count = 0;
        assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine), 0);
        assert_int_equal(cudnnBackendGetAttribute(graph.ways[i], CUDNN_ATTR_ENGINECFG_ENGINE,
                                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                                                  &engine),
                         0);
        assert_int_equal(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                  CUDNN_TYPE_NUMERICAL_NOTE, 16, &count, notes),
                         0);
        for (int64_t n = 0; n < count; n++)
            assert_true(notes[n] != CUDNN_NUMERICAL_NOTE_TENSOR_CORE &&
                        notes[n] != CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
        nsky_dnn_free(engine);
    }
    nsky_dnn_graph_free(&graph);
}

/* What training asks for (train_network.c): convolutions alone, and both derivatives, in bf16, the
 * weights' too. Sub-batches as the command's default has them, and as a card likes them. */
static void check_training(nsky_arch arch, uint32_t size, uint32_t batch)
{
    static shapes s;

    s.count = 0;
    add_network(&s, arch, size, NSKY_NUMBER_BF16, batch);
    for (uint32_t i = 0; i < s.count; i++) {
        s.all[i].relu = s.all[i].add = false;
        check_shape(&s.all[i], NSKY_DNN_PLAIN);
        if (s.all[i].in_height != size) /* nobody needs the derivative by the images */
            check_shape(&s.all[i], NSKY_DNN_DATA_BACK);
        check_shape(&s.all[i], NSKY_DNN_WEIGHT_BACK);
    }
}

static void test_training_plans(void **state)
{
    (void)state;
    static const nsky_arch archs[] = {NSKY_RESNET18, NSKY_RESNET50};
    static const uint32_t sizes[] = {96, 152}, batches[] = {32, 256};

    for (uint32_t i = 0; i < 8; i++)
        check_training(archs[i & 1], sizes[i >> 1 & 1], batches[i >> 2]);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    const nsky_dnn_target target = {.device = device};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_dnn_graph graph;
    cudnnBackendDescriptor_t none;
    /* An output that is not the convolution's. */
    const nsky_conv_shape wrong = {
        4, 8, 9, 9, 8, 5, 5, 3, 1, 1, true, false, NSKY_NUMBER_BF16, NSKY_CONV_FUSED, false};

    assert_fails(nsky_dnn_graph_new(&graph, target, NSKY_DNN_FORWARD, &wrong, &err), NSKY_EDEVICE,
                 err, "cuDNN");
    assert_fails(nsky_dnn_describe_device(&none, "{", &err), NSKY_EDEVICE, err, "cuDNN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16_plans),          cmocka_unit_test(test_fp16_plans),
        cmocka_unit_test(test_fp32_plans),          cmocka_unit_test(test_float32_stays_float32),
        cmocka_unit_test(test_int8_graphs),         cmocka_unit_test(test_training_plans),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    const struct CMUnitTest with_driver[] = {cmocka_unit_test(test_int8_compiles)};

    if (getenv("NEARSKY_TEST_DRIVER"))
        return cmocka_run_group_tests(with_driver, setup, teardown);
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* bench_embed.c - `nearsky bench embed`: the encoder alone, one a core, on images already in
 * memory; on a card one encoder, whose batches the workers fill with stamps already in memory.
 * Weights and images are random: the work does not depend on them. */
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/encoder.h"

#define WORKERS_MAX 256
#define SURVEY_IMAGES 76e6
#define SEED 1

static const char help[] =
    "usage: nearsky bench embed [options]\n\n"
    "Images a second through a network with random weights, one single-threaded encoder a "
    "worker;\non a card one encoder for all, from stamps in memory to vectors in memory.\n\n"
    "  --arch A          resnet18, resnet34 or resnet50 (default resnet50)\n"
    "  --size N          pixels a side (default 96)\n"
    "  --device D        auto, cuda, cpu or ref (default auto: cuda where a card is)\n"
    "  --precision P     fp32 or bf16, with cuda also fp16 and int8 (default: bf16 where there is\n"
    "                    hardware for it)\n"
    "  --workers N       threads (default: one for each core)\n"
    "  --seconds S       how long to measure (default 5)\n"
    "  --json            the report as JSON\n";

typedef struct arguments {
    nsky_encoder_options encoder;
    nsky_arch arch;
    uint32_t workers;
    double seconds;
    bool json;
} arguments;

typedef struct worker {
    pthread_t thread;
    const arguments *args;
    const nsky_model *model;
    pthread_barrier_t *ready; /* everyone has opened and warmed up */
    nsky_encoder *encoder;
    nsky_encoder *shared;    /* one for all, with slots; or NULL */
    float *images, *vectors; /* one batch */
    nsky_stamp *stamp;       /* with slots: what fills them, again and again */
    uint16_t *halves;        /* [batch, dim] */
    uint8_t *faults;         /* [batch] */
    double images_per_s, images_per_cpu_s;
    nsky_status status;
    nsky_error err;
} worker;

/* A batch of one stamp through a slot; *images grows by the views it took. */
static nsky_status run_slot(worker *w, uint64_t *images)
{
    uint32_t rows = nsky_encoder_batch(w->shared), put = 0;
    bool full = false;
    nsky_slot *slot;
    nsky_status status = nsky_slot_begin(w->shared, &slot, &w->err);

    if (status != NSKY_OK)
        return status;
    for (; put < rows && !full && status == NSKY_OK; put += !full)
        status = nsky_slot_put(w->shared, slot, w->stamp, &full, &w->err);
    if (status == NSKY_OK)
        status = nsky_slot_run(w->shared, slot, w->halves, w->faults, &w->err);
    nsky_slot_end(w->shared, slot);
    *images += (uint64_t)put * nsky_model_info_of(w->model)->preprocess.views;
    return status;
}

static nsky_status prepare_slots(worker *w)
{
    uint32_t rows = nsky_encoder_batch(w->shared), dim = nsky_encoder_dim(w->shared);
    nsky_rng rng = nsky_rng_at(SEED, 0, 0);
    uint64_t images = 0;
    nsky_status status = nsky_stamp_new(&w->stamp, NSKY_STAMP_SIDE, NSKY_STAMP_SIDE,
                                        (float)NSKY_SCALE_ARCSEC_PX, &w->err);

    if (status != NSKY_OK)
        return status;
    nsky_rng_fill_normal(&rng, w->stamp->pixels, (uint64_t)3 * NSKY_STAMP_SIDE * NSKY_STAMP_SIDE);
    if (!(w->halves = nsky_alloc(rows, dim * sizeof *w->halves, &w->err)) ||
        !(w->faults = nsky_alloc(rows, 1, &w->err)))
        return NSKY_ENOMEM;
    return run_slot(w, &images); /* warm */
}

/* The encoder and one batch for it. */
static nsky_status prepare(worker *w, nsky_tensor *batch)
{
    uint32_t size = w->args->encoder.size;
    nsky_rng rng = nsky_rng_at(SEED, 0, 0);
    nsky_status status = NSKY_OK;

    if (w->shared)
        return prepare_slots(w);
    if (!w->encoder)
        status = nsky_encoder_open(&w->encoder, w->model, &w->args->encoder, &w->err);

    if (status != NSKY_OK)
        return status;
    *batch = (nsky_tensor){NULL, nsky_encoder_batch(w->encoder), 3, size, size};
    size_t pixels = (size_t)batch->n * 3 * size * size;
    if (!(w->images = nsky_alloc_aligned(pixels, sizeof(float), &w->err)) ||
        !(w->vectors = nsky_alloc(batch->n, nsky_encoder_dim(w->encoder) * sizeof(float), &w->err)))
        return NSKY_ENOMEM;
    nsky_rng_fill_normal(&rng, w->images, pixels);
    batch->data = w->images;
    return nsky_encoder_embed(w->encoder, batch, w->vectors, &w->err); /* warm */
}

static void *measure(void *opaque)
{
    worker *w = opaque;
    nsky_tensor batch = {0};
    uint64_t images = 0;
    double elapsed = 0;

    w->status = prepare(w, &batch);
    pthread_barrier_wait(w->ready); /* those that failed too, or the others would wait for ever */
    double start = nsky_now_s(), cpu = nsky_thread_cpu_s();
    while (w->status == NSKY_OK && elapsed < w->args->seconds) {
        if (w->shared) {
            w->status = run_slot(w, &images);
        } else {
            w->status = nsky_encoder_embed(w->encoder, &batch, w->vectors, &w->err);
            images += batch.n;
        }
        elapsed = nsky_now_s() - start;
    }
    if (w->status == NSKY_OK) {
        w->images_per_s = (double)images / elapsed;
        w->images_per_cpu_s = (double)images / (nsky_thread_cpu_s() - cpu);
    }
    return NULL;
}

/* Multiply-adds of the convolutions: one block of two or three, and its shortcut. */
static double block_macs(bool bottleneck, double in, double width, double side, double out_side)
{
    double out = bottleneck ? 4 * width : width;
    double before = side * side, after = out_side * out_side;
    double shortcut = in != out || side != out_side ? in * out * after : 0;

    if (bottleneck)
        return in * width * before + 9 * width * width * after + width * out * after + shortcut;
    return 9 * in * width * after + 9 * width * width * after + shortcut;
}

static double image_macs(nsky_arch arch, uint32_t size)
{
    static const uint32_t blocks[3][4] = {{2, 2, 2, 2}, {3, 4, 6, 3}, {3, 4, 6, 3}};
    bool bottleneck = arch == NSKY_RESNET50;
    uint32_t side = (size + 1) / 2, in = 64;
    double macs = 3.0 * 49 * 64 * side * side;

    side = (side + 1) / 2; /* max-pool */
    for (uint32_t stage = 0; stage < 4; stage++)
        for (uint32_t b = 0; b < blocks[arch][stage]; b++) {
            uint32_t out_side = stage > 0 && b == 0 ? (side + 1) / 2 : side;
            uint32_t width = 64u << stage;
            macs += block_macs(bottleneck, in, width, side, out_side);
            in = bottleneck ? 4 * width : width;
            side = out_side;
        }
    return macs;
}

/* "2.6.3" out of "cpu (oneDNN 2.6.3: ...), ..."; "none" without. */
static void onednn_version(char *out, size_t bytes)
{
    char devices[256];

    nsky_encoder_devices(devices, sizeof devices);
    const char *at = strstr(devices, "oneDNN ");
    snprintf(out, bytes, "%.*s", at ? (int)strcspn(at + 7, ":") : 4, at ? at + 7 : "none");
}

static int report(const arguments *args, const worker *workers)
{
    const nsky_encoder *encoder = workers[0].encoder;
    double rate = 0, cpu_rate = 0, macs = image_macs(args->arch, args->encoder.size);
    const char *precision = nsky_precision_name(nsky_encoder_precision(encoder));
    char onednn[32];

    for (uint32_t i = 0; i < args->workers; i++) {
        rate += workers[i].images_per_s;
        cpu_rate += workers[i].images_per_cpu_s;
    }
    if (!args->json && workers[0].shared) {
        printf("%s, %u px, %s on %s, %u workers fill its batches: %.1f images/s; 76M in %.2f h\n",
               nsky_arch_name(args->arch), args->encoder.size, precision,
               nsky_encoder_backend(encoder), args->workers, rate, SURVEY_IMAGES / rate / 3600);
        return NSKY_EXIT_DONE;
    }
    if (!args->json) {
        printf(
            "%s, %u px, %s on %s, %u workers: %.1f images/s, %.1f GMAC/s a core; 76M in %.1f h\n",
            nsky_arch_name(args->arch), args->encoder.size, precision,
            nsky_encoder_backend(encoder), args->workers, rate,
            cpu_rate / args->workers * macs / 1e9, SURVEY_IMAGES / rate / 3600);
        return NSKY_EXIT_DONE;
    }
    nsky_json *object = nsky_json_object();
    nsky_json_put_fixed(object, "images_per_s", rate, 1);
    /* What the cores gave, whoever else ran on them. */
    nsky_json_put_fixed(object, "images_per_cpu_s", cpu_rate / args->workers, 1);
    nsky_json_put_fixed(object, "gmac_per_cpu_s", cpu_rate / args->workers * macs / 1e9, 1);
    nsky_json_put_fixed(object, "hours_76m", SURVEY_IMAGES / rate / 3600, 2);
    nsky_json_put_string(object, "arch", nsky_arch_name(args->arch));
    nsky_json_put_integer(object, "size", args->encoder.size);
    nsky_json_put_string(object, "precision", precision);
    nsky_json_put_string(object, "device", nsky_encoder_backend(encoder));
    nsky_json_put_integer(object, "workers", args->workers);
    nsky_json_put_integer(object, "batch", nsky_encoder_batch(encoder));
    nsky_json_put_number(object, "seconds", args->seconds);
    onednn_version(onednn, sizeof onednn);
    nsky_json_put_string(object, "onednn", onednn);
    nsky_bench_put_machine(object);
    return nsky_cli_print_json("bench embed", object);
}

/* NSKY_OK, or the first worker's error in err. first: the first worker's encoder, closed with it.
 */
static nsky_status run_workers(const arguments *args, const nsky_model *model, nsky_encoder *first,
                               worker *workers, nsky_error *err)
{
    pthread_barrier_t ready;
    nsky_status status = NSKY_OK;

    pthread_barrier_init(&ready, NULL, args->workers);
    for (uint32_t i = 0; i < args->workers; i++) {
        workers[i] = (worker){.args = args,
                              .model = model,
                              .ready = &ready,
                              .encoder = i == 0 ? first : NULL,
                              .shared = nsky_encoder_has_slots(first) ? first : NULL};
        if (pthread_create(&workers[i].thread, NULL, measure, &workers[i]) != 0) {
            fprintf(stderr, "nearsky bench embed: cannot start %u threads\n", args->workers);
            exit(NSKY_EXIT_FAILED); /* those that run wait for the missing ones */
        }
    }
    for (uint32_t i = 0; i < args->workers; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].status != NSKY_OK && status == NSKY_OK) {
            status = workers[i].status;
            *err = workers[i].err;
        }
    }
    pthread_barrier_destroy(&ready);
    return status;
}

static int bench(const arguments *args)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model = NULL;
    worker *workers = nsky_alloc_zero(args->workers, sizeof *workers, &err);
    nsky_status status = workers ? NSKY_OK : NSKY_ENOMEM;
    int exit_status;

    if (status == NSKY_OK)
        status = nsky_model_random(&model, args->arch, NSKY_STEM_IMAGENET, SEED, &err);
    nsky_encoder *first = NULL;
    if (status == NSKY_OK)
        status = nsky_encoder_open(&first, model, &args->encoder, &err);
    if (status == NSKY_OK && nsky_encoder_has_slots(first))
        status = nsky_encoder_open_slots(first, args->workers + 2, &err);
    if (status == NSKY_OK)
        status = run_workers(args, model, first, workers, &err);
    else
        nsky_encoder_close(first);
    exit_status = status == NSKY_OK ? report(args, workers) : nsky_cli_failed("bench embed", &err);
    for (uint32_t i = 0; workers && i < args->workers; i++) {
        nsky_encoder_close(workers[i].encoder);
        nsky_free(workers[i].images);
        nsky_free(workers[i].vectors);
        nsky_stamp_free(workers[i].stamp);
        nsky_free(workers[i].halves);
        nsky_free(workers[i].faults);
    }
    nsky_free(workers);
    nsky_model_close(model);
    return exit_status;
}

static bool parse_seconds(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out > 0 && *out < 86400;
}

/* A whole number from 1 to max. */
static bool parse_count(const char *text, uint32_t max, uint32_t *out)
{
    char *end;
    long number = strtol(text, &end, 10);

    *out = (uint32_t)number;
    return end != text && *end == '\0' && number >= 1 && number <= (long)max;
}

static bool take_option(int option, void *payload)
{
    arguments *args = payload;
    switch (option) {
    case 'a':
        return nsky_arch_parse(optarg, &args->arch);
    case 's':
        return parse_count(optarg, 1024, &args->encoder.size);
    case 'd':
        args->encoder.device = optarg;
        return true;
    case 'p':
        return nsky_precision_parse(optarg, &args->encoder.precision);
    case 'w':
        return parse_count(optarg, WORKERS_MAX, &args->workers);
    case 't':
        return parse_seconds(optarg, &args->seconds);
    default:
        args->json = true;
        return true;
    }
}

int nsky_bench_embed(int argc, char **argv)
{
    static const struct option known[] = {{"arch", required_argument, NULL, 'a'},
                                          {"size", required_argument, NULL, 's'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"precision", required_argument, NULL, 'p'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    arguments args = {.encoder = nsky_encoder_defaults(),
                      .arch = NSKY_RESNET50,
                      .seconds = 5,
                      .workers = cores < 1             ? 1
                                 : cores > WORKERS_MAX ? WORKERS_MAX
                                                       : (uint32_t)cores};

    args.encoder.size = 96;
    const int stop = nsky_bench_options(argc, argv, "bench embed", help, known, take_option, &args);
    if (stop)
        return stop - 1;
    return optind == argc ? bench(&args) : nsky_cli_usage("bench embed", "too many words");
}

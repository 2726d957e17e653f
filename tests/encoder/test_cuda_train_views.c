/* test_cuda_train_views.c - a training whose views are made on a card (of host memory) against the
 * same with views from the loader: the same bits, whatever the stamps; and what goes wrong on the
 * way. Thread rule: one thread. */
#include "tests/encoder/train_networks.h"
#include "tests/encoder/train_support.h"

#include "encoder/cuda/train.h"
#include "encoder/train/augment_private.h"
#include "encoder/train/learner.h"
#include "encoder/train/loader.h"
#include "tests/encoder/cuda_host/lost_cards.h"

#define SIDE 16u
#define DIM 8u
#define QUEUE 64u
#define BATCH 16u
#define STEPS 5u /* over the end of an epoch, and with parts recorded */

static nsky_train_graph query, key;
static const char *stores[2];
static nsky_packing packing;

/* Stamps of two sizes and scales; some with holes. */
static void add_holes(const char *path)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;

    assert_ok(nsky_survey_open(&survey, path, NSKY_SURVEY_WRITE, &err), err);
    for (uint32_t row = 0; row < 9; row++) {
        nsky_stamp *stamp = new_stamp(31, 20 + row, 0.23);
        static const float noise[3] = {0.003f, 0.005f, 0.012f};
        nsky_add_result result;
        nsky_object object;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "holes-%u", row);
        object.id = nsky_object_id_hashed("holes", object.name);
        draw_sky(stamp, noise, 100 + row);
        for (size_t i = row; i < (size_t)31 * (20 + row); i += 5 + row)
            nsky_stamp_band(stamp, row % 3)[i] = NAN;
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
        nsky_stamp_free(stamp);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

static nsky_loader *open_loader(bool packed, uint64_t memory_bytes, uint32_t threads,
                                const nsky_augment *augment)
{
    nsky_loader_options how = {.stores = stores,
                               .store_count = 2,
                               .preprocess = nsky_preprocess_default,
                               .augment = *augment,
                               .views = 2,
                               .batch = BATCH,
                               .seed = 11,
                               .threads = threads,
                               .memory_bytes = memory_bytes,
                               .packed = packed};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_loader *loader;

    how.preprocess.size = SIDE;
    packing = (nsky_packing){how.preprocess, nsky_augment_margin(augment)};
    assert_ok(nsky_loader_open(&loader, &how, &err), err);
    return loader;
}

static nsky_learner_options learner_options(bool packed)
{
    tiny_trunk(&query, SIDE);
    nsky_train_add_mlp(&query, "projection", query.value_count - 1, 16, DIM);
    key = query;
    return (nsky_learner_options){.ops = &nsky_train_cuda,
                                  .precision = NSKY_BF16,
                                  .query = &query,
                                  .key = &key,
                                  .batch = BATCH,
                                  .sub_batch = 8,
                                  .threads = 1,
                                  .queue = QUEUE,
                                  .temperature = 0.2f,
                                  .symmetric = true,
                                  .seed = 4,
                                  .packing = packed ? &packing : NULL};
}

static nsky_learner_rates rates_of(uint64_t step)
{
    return (nsky_learner_rates){
        .sgd = {0.02, 0.9, 1e-3}, .keep = 0.95, .clip = step % 2 ? 0.5 : 0, .step = step};
}

static nsky_status step(nsky_learner *learner, nsky_loader *loader, bool packed, uint64_t number,
                        nsky_learner_result *result, nsky_error *err)
{
    const nsky_learner_rates rates = rates_of(number);
    const uint64_t *rows;
    const float *images;
    nsky_packed batch;
    nsky_status status;

    if (packed) {
        status = nsky_loader_next_packed(loader, &batch, &rows, err);
        return status == NSKY_OK ? nsky_learner_step_packed(learner, &batch, &rates, result, err)
                                 : status;
    }
    status = nsky_loader_next(loader, &images, &rows, err);
    return status == NSKY_OK ? nsky_learner_step(learner, images, NULL, &rates, result, err)
                             : status;
}

/* The next batch, staged while the card is at work. */
typedef struct ahead {
    nsky_learner *learner;
    nsky_loader *loader;
    nsky_error err;
} ahead;

static void stage_next(void *context)
{
    ahead *a = context;
    const uint64_t *rows;
    nsky_packed batch;

    if (nsky_loader_next_packed(a->loader, &batch, &rows, &a->err) == NSKY_OK &&
        nsky_learner_stage(a->learner, &batch, &a->err) != NSKY_OK)
        assert_int_equal(a->err.status, NSKY_EDEVICE);
}

typedef struct course {
    double loss[STEPS];
    float *params, *slow, *stats, *queue;
} course;

static float *kept(const float *from, size_t count)
{
    float *out = malloc(count * sizeof *out);

    assert_non_null(out);
    return memcpy(out, from, count * sizeof *out);
}

/* memory_bytes 1: no stamp stays in memory. */
static course train(bool packed, uint64_t memory_bytes, uint32_t threads,
                    const nsky_augment *augment)
{
    nsky_loader *loader = open_loader(packed, memory_bytes, threads, augment);
    nsky_learner_options options = learner_options(packed);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner_result result;
    nsky_learner *learner;
    course c;

    assert_ok(nsky_learner_new(&learner, &options, &err), err);
    for (uint64_t s = 0; s < STEPS; s++) {
        assert_ok(step(learner, loader, packed, s, &result, &err), err);
        c.loss[s] = result.loss;
    }
    assert_ok(nsky_learner_fetch(learner, &err), err);
    const nsky_learner_state *s = nsky_learner_state_of(learner);
    c.params = kept(s->params, query.param_floats);
    c.slow = kept(s->slow_params, key.param_floats);
    c.stats = kept(s->slow_stats, key.stat_floats);
    c.queue = kept(s->queue, (size_t)QUEUE * DIM);
    nsky_learner_free(learner);
    nsky_loader_close(loader);
    return c;
}

static void course_free(course *c)
{
    free(c->params);
    free(c->slow);
    free(c->stats);
    free(c->queue);
}

static void assert_same(const course *a, const course *b)
{
    assert_memory_equal(a->loss, b->loss, sizeof a->loss);
    assert_memory_equal(a->params, b->params, query.param_floats * sizeof(float));
    assert_memory_equal(a->slow, b->slow, key.param_floats * sizeof(float));
    assert_memory_equal(a->stats, b->stats, key.stat_floats * sizeof(float));
    assert_memory_equal(a->queue, b->queue, (size_t)QUEUE * DIM * sizeof(float));
}

/* As the trainer does it. */
static nsky_status train_staged(nsky_loader *loader, uint64_t steps, course *c, nsky_error *err)
{
    ahead a = {.loader = loader, .err = NSKY_ERROR_INIT};
    nsky_learner_options options = learner_options(true);
    nsky_learner_result result;

    options.meanwhile = stage_next;
    options.context = &a;
    nsky_status status = nsky_learner_new(&a.learner, &options, err);
    if (status != NSKY_OK)
        return status;
    stage_next(&a);
    for (uint64_t s = 0; s < steps && status == NSKY_OK; s++) {
        const nsky_learner_rates rates = rates_of(s);
        status = a.err.status;
        *err = a.err;
        if (status == NSKY_OK)
            status = nsky_learner_step_packed(a.learner, NULL, &rates, &result, err);
        if (c)
            c->loss[s] = result.loss;
    }
    if (status == NSKY_OK)
        status = nsky_learner_fetch(a.learner, err);
    if (status == NSKY_OK && c) {
        const nsky_learner_state *s = nsky_learner_state_of(a.learner);
        c->params = kept(s->params, query.param_floats);
        c->slow = kept(s->slow_params, key.param_floats);
        c->stats = kept(s->slow_stats, key.stat_floats);
        c->queue = kept(s->queue, (size_t)QUEUE * DIM);
    }
    nsky_learner_free(a.learner);
    return status;
}

static nsky_status stage_and_step(void *loader, nsky_error *err)
{
    return train_staged(loader, 3, NULL, err);
}

static void test_staged_ahead(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    course host = train(false, 0, 1, &nsky_augment_default), card;
    nsky_loader *loader = open_loader(true, 0, 1, &nsky_augment_default);

    assert_ok(train_staged(loader, STEPS, &card, &err), err);
    assert_same(&card, &host);
    course_free(&card);
    course_free(&host);
    assert_int_equal(host_blocks(), 0);
    lose_cards(stage_and_step, loader, 8);
    nsky_loader_close(loader);
}

static void test_same_training(void **state)
{
    (void)state;
    static const nsky_augment *const augments[] = {&nsky_augment_default, &nsky_augment_stein,
                                                   &nsky_augment_none};

    for (size_t i = 0; i < sizeof augments / sizeof *augments; i++) {
        course host = train(false, 0, 1, augments[i]);
        course card = train(true, 0, 1, augments[i]);
        course poor = train(true, 1, 3, augments[i]);
        assert_true(isfinite(host.loss[STEPS - 1]) && host.loss[0] != host.loss[1]);
        assert_same(&card, &host);
        assert_same(&poor, &host);
        course_free(&host);
        course_free(&card);
        course_free(&poor);
        assert_int_equal(host_blocks(), 0);
    }
}

/* What the loader packs are the stamps and rows of the batch; parts of it are parts. */
static void test_packed_batches(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_loader *whole = open_loader(true, 0, 2, &nsky_augment_default), *part;
    nsky_loader_options how = *nsky_loader_how(whole);
    const uint64_t *rows, *own_rows;
    nsky_packed batch, own;

    how.stores = stores;
    how.part = 1;
    how.parts = 3;
    assert_fails(nsky_loader_open(&part, &how, &err), NSKY_EINVAL, err, "no 3 equal parts");
    how.part = how.parts = 2;
    assert_fails(nsky_loader_open(&part, &how, &err), NSKY_EINVAL, err, "equal parts");
    how.part = 1;
    assert_ok(nsky_loader_open(&part, &how, &err), err);
    assert_int_equal(nsky_loader_steps(part), nsky_loader_steps(whole));
    for (int step = 0; step < 5; step++) {
        size_t at = 0;
        assert_ok(nsky_loader_next_packed(whole, &batch, &rows, &err), err);
        assert_ok(nsky_loader_next_packed(part, &own, &own_rows, &err), err);
        assert_memory_equal(own_rows, rows + BATCH / 2, BATCH / 2 * sizeof *rows);
        for (uint32_t i = 0; i < BATCH; i++) {
            const nsky_view *v = &batch.views[i];
            size_t count = (size_t)3 * v->width * v->height;
            assert_true(v->at == at && batch.views[BATCH + i].at == at);
            at += count;
            if (i < BATCH / 2)
                continue;
            for (uint32_t view = 0; view < 2; view++)
                assert_memory_equal(&own.views[view * BATCH / 2 + i - BATCH / 2].recipe,
                                    &batch.views[view * BATCH + i].recipe, sizeof v->recipe);
            assert_memory_equal(own.pixels[i - BATCH / 2], batch.pixels[i],
                                count * sizeof **own.pixels);
        }
        assert_true(batch.pixel_count == at);
    }
    nsky_loader_close(whole);
    nsky_loader_close(part);
}

/* --- what goes wrong --- */

typedef struct attempt {
    nsky_loader *loader;
    uint64_t steps;
} attempt;

static nsky_status make_and_step(void *context, nsky_error *err)
{
    const attempt *a = context;
    nsky_learner_options options = learner_options(true);
    nsky_learner_result result;
    nsky_learner *learner;
    nsky_status status = nsky_learner_new(&learner, &options, err);

    for (uint64_t s = 0; s < a->steps && status == NSKY_OK; s++)
        status = step(learner, a->loader, true, s, &result, err);
    if (status == NSKY_OK)
        status = nsky_learner_fetch(learner, err);
    if (learner)
        nsky_learner_free(learner);
    return status;
}

/* The learner's: once all stamps are in memory, packing takes none. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    attempt a = {open_loader(true, 0, 1, &nsky_augment_default), 1};
    const uint64_t *rows;
    nsky_packed batch;
    nsky_error err = NSKY_ERROR_INIT;

    for (int i = 0; i < 60; i++)
        assert_ok(nsky_loader_next_packed(a.loader, &batch, &rows, &err), err);
    assert_true(exhaust_memory(make_and_step, &a) > 40);
    assert_int_equal(host_blocks(), 0);
    nsky_loader_close(a.loader);
}

/* Also while a step is being recorded. */
static void test_lost_cards(void **state)
{
    (void)state;
    attempt a = {open_loader(true, 0, 1, &nsky_augment_default), 3};

    assert_true(lose_cards(make_and_step, &a, 16) > 300);
    nsky_loader_close(a.loader);
}

/* A divergence leaves everything as it was; then it goes on as if nothing had been. */
static void test_divergence(void **state)
{
    (void)state;
    nsky_learner_options options = learner_options(true);
    nsky_loader *loader = open_loader(true, 0, 1, &nsky_augment_default);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner_result result;
    nsky_learner *learner;

    assert_ok(nsky_learner_new(&learner, &options, &err), err);
    for (uint64_t s = 0; s < 3; s++)
        assert_ok(step(learner, loader, true, s, &result, &err), err);
    assert_ok(nsky_learner_fetch(learner, &err), err);
    nsky_learner_state *s = nsky_learner_state_of(learner);
    float *before = kept(s->params, query.param_floats);
    uint32_t queue_at = s->queue_at;
    s->params[query.param_floats - 1] = NAN; /* a bias of the last layer */
    assert_fails(step(learner, loader, true, 3, &result, &err), NSKY_EDATA, err, "--lr");
    assert_ok(nsky_learner_fetch(learner, &err), err);
    s = nsky_learner_state_of(learner);
    assert_memory_equal(s->params, before, (query.param_floats - 1) * sizeof(float));
    assert_int_equal(s->queue_at, queue_at);
    s->params[query.param_floats - 1] = before[query.param_floats - 1];
    assert_ok(step(learner, loader, true, 4, &result, &err), err);
    free(before);
    nsky_learner_free(learner);
    nsky_loader_close(loader);
    assert_int_equal(host_blocks(), 0);
}

static int setup(void **state)
{
    if (make_test_directory(state) != 0)
        return 1;
    stores[0] = strdup(in_directory("stars"));
    stores[1] = strdup(in_directory("holes"));
    make_store(stores[0], "stars", 40, 40, NSKY_SCALE_ARCSEC_PX);
    add_holes(stores[1]);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < 2; i++)
        free((void *)(uintptr_t)stores[i]);
    return remove_test_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_training), cmocka_unit_test(test_packed_batches),
        cmocka_unit_test(test_staged_ahead),  cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_lost_cards),    cmocka_unit_test(test_divergence),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

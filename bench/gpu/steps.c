/* steps.c - whole steps of training on the card against one another: with views made there and with
 * the CPU's; recorded and plain; by several cards and by one. Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "bench/gpu/train_check.h"
#include "common/file.h"
#include "common/half.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/arch.h"
#include "encoder/cuda/train.h"
#include "encoder/train/augment_private.h"

#define SEED 6
#define QUEUE 4096u
#define LOSS_CLOSE 1e-3     /* of the loss */
#define GRADIENTS_CLOSE 0.1 /* of their length: bf16 makes much of another last digit */
#define RANKS_CLOSE 1e-3    /* the same, where only the order of sums differs */
#define MEET_S 120.0

/* A batch, both ways. */
typedef struct batch {
    uint32_t count;
    size_t floats; /* of an image */
    nsky_packing packing;
    nsky_view *views;  /* [2, count] */
    uint16_t **pixels; /* [count] */
    nsky_packed packed;
    float *images; /* [2, count, 3, size, size] by the CPU */
    uint32_t *dealt;
} batch;

static void batch_free(batch *b)
{
    for (uint32_t i = 0; b->pixels && i < b->count; i++)
        nsky_free(b->pixels[i]);
    nsky_free(b->pixels);
    nsky_free(b->views);
    nsky_free(b->images);
    nsky_free(b->dealt);
}

static nsky_status put_views(batch *b, uint32_t i, nsky_stamp *stamp, nsky_augment_scratch *scratch,
                             nsky_error *err)
{
    size_t count = (size_t)3 * stamp->width * stamp->height;
    nsky_augment_own own = {.ebv = 0.02f};
    nsky_status status;

    if (!(b->pixels[i] = nsky_alloc(count, sizeof **b->pixels, err)))
        return err->status;
    nsky_half_from_floats(b->pixels[i], stamp->pixels, count);
    nsky_half_to_floats(stamp->pixels, b->pixels[i], count);
    nsky_augment_know_noise(stamp, &b->packing.how, own.noise);
    if ((status = nsky_augment_take(scratch, stamp, err)) != NSKY_OK)
        return status;
    for (uint32_t view = 0; view < 2; view++) {
        nsky_augment_numbers numbers;
        nsky_view *v = &b->views[view * b->count + i];
        nsky_augment_draw(&nsky_augment_default, &own, false, SEED, 1, i, view, &numbers);
        nsky_augment_make(scratch, &numbers, b->images + (view * b->count + i) * b->floats);
        *v = (nsky_view){
            .at = b->packed.pixel_count, .width = stamp->width, .height = stamp->height};
        nsky_augment_recipe_of(&b->packing.how, stamp->width, stamp->height, stamp->scale_arcsec_px,
                               &numbers, &v->recipe);
    }
    b->packed.pixel_count += count;
    return NSKY_OK;
}

static nsky_status put_stamp(batch *b, uint32_t i, nsky_augment_scratch *scratch, nsky_error *err)
{
    nsky_stamp *stamp = NULL, *cut = NULL;
    nsky_status status = check_stamp_new(&stamp, i, false, err);

    if (status == NSKY_OK)
        status = nsky_augment_prepare(&cut, stamp, &nsky_augment_default, &b->packing.how, err);
    if (status == NSKY_OK)
        status = put_views(b, i, cut ? cut : stamp, scratch, err);
    nsky_stamp_free(cut);
    nsky_stamp_free(stamp);
    return status;
}

static nsky_status batch_new(batch *b, const check_args *args, uint32_t count, nsky_error *err)
{
    nsky_augment_scratch *scratch = NULL;
    nsky_status status = NSKY_OK;

    *b = (batch){.count = count, .floats = (size_t)3 * args->size * args->size};
    b->packing = (nsky_packing){nsky_preprocess_default, NSKY_AUGMENT_RADIUS_MAX};
    b->packing.how.size = args->size;
    if (!(b->views = nsky_alloc_zero((size_t)2 * count, sizeof *b->views, err)) ||
        !(b->pixels = nsky_alloc_zero(count, sizeof *b->pixels, err)) ||
        !(b->images = nsky_alloc((size_t)2 * count * b->floats, sizeof *b->images, err)) ||
        !(b->dealt = nsky_alloc(count, sizeof *b->dealt, err)))
        return err->status;
    status = nsky_augment_scratch_new(&scratch, &nsky_augment_default, &b->packing.how, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        b->dealt[i] = count - 1 - i;
        status = put_stamp(b, i, scratch, err);
    }
    nsky_augment_scratch_free(scratch);
    b->packed.views = b->views;
    b->packed.pixels = (const uint16_t *const *)b->pixels;
    return status;
}

/* --- one step from the state that a training begins with --- */

typedef struct outcome {
    check_state state; /* behind the step, with its gradients */
    double loss;
} outcome;

/* images NULL: from packed stamps. */
static nsky_status step(void *card, const nsky_train_graph *g, const batch *b, const float *images,
                        outcome *out, nsky_error *err)
{
    const nsky_train_card *ops = nsky_train_cuda.card;
    const nsky_learner_rates rates = {.sgd = {0.01, 0.9, 1e-4}, .keep = 0.99, .clip = 1};
    nsky_learner_result result = {.loss = NAN};
    nsky_status status = check_state_new(&out->state, g, QUEUE, err);

    if (status == NSKY_OK)
        status = ops->put(card, &out->state.s, err);
    if (status == NSKY_OK)
        status = images ? ops->step(card, images, NULL, b->dealt, &rates, &result, err)
                        : ops->step_views(card, &b->packed, b->dealt, &rates, &result, err);
    out->loss = result.loss;
    return status == NSKY_OK ? ops->get(card, &out->state.s, out->state.gradients, err) : status;
}

static bool same_bits(const outcome *a, const outcome *b, const nsky_train_graph *g)
{
    return a->loss == b->loss &&
           memcmp(a->state.gradients, b->state.gradients, g->param_floats * sizeof(float)) == 0 &&
           memcmp(a->state.s.params, b->state.s.params, g->param_floats * sizeof(float)) == 0;
}

/* As a share of the second's length. */
static double apart(const float *a, const float *of, size_t count)
{
    double off = 0, all = 0;

    for (size_t i = 0; i < count; i++) {
        off += ((double)a[i] - of[i]) * ((double)a[i] - of[i]);
        all += (double)of[i] * of[i];
    }
    return sqrt(off / all);
}

static nsky_learner_options learner_of(const nsky_train_graph *g, uint32_t count,
                                       uint32_t sub_batch)
{
    return (nsky_learner_options){.ops = &nsky_train_cuda,
                                  .precision = NSKY_BF16,
                                  .query = g,
                                  .key = g,
                                  .batch = count,
                                  .sub_batch = sub_batch,
                                  .threads = 1,
                                  .queue = QUEUE,
                                  .temperature = 0.2f};
}

/* Twice: the second time its parts are recorded. */
static nsky_status step_twice(const nsky_train_graph *g, const batch *b, bool packed,
                              outcome out[2], nsky_error *err)
{
    nsky_learner_options how = learner_of(g, b->count, b->count);
    void *card = NULL;

    how.packing = packed ? &b->packing : NULL;
    nsky_status status = nsky_train_cuda.card->open(&card, &how, err);
    for (int i = 0; i < 2 && status == NSKY_OK; i++)
        status = step(card, g, b, packed ? NULL : b->images, &out[i], err);
    nsky_train_cuda.card->close(card);
    return status;
}

static nsky_status judge_steps(const nsky_train_graph *g, const outcome host[2],
                               const outcome card[2], const check_args *args, nsky_error *err)
{
    bool recorded = same_bits(&host[0], &host[1], g) && same_bits(&card[0], &card[1], g);
    double loss = fabs(card[0].loss - host[0].loss) / host[0].loss;
    double gradients = apart(card[0].state.gradients, host[0].state.gradients, g->param_floats);

    printf("{\"check\": \"train-steps\", \"arch\": \"%s\", \"size\": %u, \"loss_apart\": %.3g, "
           "\"gradients_apart\": %.3g, \"views_same_bits\": %s, \"recorded_same_bits\": %s}\n",
           nsky_arch_name(args->arch), args->size, loss, gradients,
           same_bits(&card[0], &host[0], g) ? "true" : "false", recorded ? "true" : "false");
    if (!recorded)
        return nsky_fail(err, NSKY_EMISMATCH, "a recorded step has other bits than a plain one");
    return loss < LOSS_CLOSE && gradients < GRADIENTS_CLOSE
               ? NSKY_OK
               : nsky_fail(err, NSKY_EMISMATCH, "views of the card make another step");
}

nsky_status check_train_steps(const check_args *args, nsky_error *err)
{
    nsky_train_graph *graph = nsky_alloc_zero(1, sizeof *graph, err);
    outcome host[2] = {{.loss = NAN}}, card[2] = {{.loss = NAN}};
    batch b = {.count = 0};
    nsky_status status = graph ? NSKY_OK : NSKY_ENOMEM;

    if (status == NSKY_OK) {
        check_train_graph(graph, args);
        if ((status = batch_new(&b, args, args->batch > 0 ? args->batch : 64, err)) == NSKY_OK &&
            (status = step_twice(graph, &b, false, host, err)) == NSKY_OK &&
            (status = step_twice(graph, &b, true, card, err)) == NSKY_OK)
            status = judge_steps(graph, host, card, args, err);
    }
    for (int i = 0; i < 2; i++) {
        check_state_free(&host[i].state);
        check_state_free(&card[i].state);
    }
    batch_free(&b);
    nsky_free(graph);
    return status;
}

/* --- ranks --- */

/* This rank's share of both views. */
static nsky_status share_images(float **out, const batch *b, const check_args *args,
                                nsky_error *err)
{
    uint32_t share = b->count / args->ranks, first = (args->rank - 1) * share;
    size_t each = share * b->floats;

    if (!(*out = nsky_alloc(2 * each, sizeof **out, err)))
        return err->status;
    for (uint32_t view = 0; view < 2; view++)
        memcpy(*out + view * each, b->images + (view * b->count + first) * b->floats,
               each * sizeof **out);
    return NSKY_OK;
}

/* Alone: its gradients become what the others compare with. */
static nsky_status judge_ranks(const nsky_train_graph *g, const outcome *out,
                               const check_args *args, nsky_error *err)
{
    size_t bytes = g->param_floats * sizeof(float), size = 0;
    char *path = nsky_format(err, "%s/alone", args->folder);
    void *alone = NULL;
    double off = 0;
    nsky_status status = path ? NSKY_OK : err->status;

    if (status == NSKY_OK && args->ranks == 1)
        status = nsky_file_write(path, out->state.gradients, bytes, err);
    if (status == NSKY_OK && args->ranks > 1 &&
        (status = nsky_file_read(&alone, &size, path, bytes, err)) == NSKY_OK && size != bytes)
        status = nsky_fail(err, NSKY_EDATA, "%s is of another network", path);
    if (status == NSKY_OK && alone)
        off = apart(out->state.gradients, alone, g->param_floats);
    nsky_free(alone);
    nsky_free(path);
    if (status != NSKY_OK)
        return status;
    printf("{\"check\": \"train-ranks\", \"rank\": %u, \"ranks\": %u, \"loss\": %.9g, "
           "\"gradients_apart\": %.3g}\n",
           args->rank, args->ranks, out->loss, off);
    return off < RANKS_CLOSE
               ? NSKY_OK
               : nsky_fail(err, NSKY_EMISMATCH, "%u cards make another step", args->ranks);
}

static nsky_status step_in_rank(const nsky_train_graph *g, const batch *b, const check_args *args,
                                outcome *out, nsky_error *err)
{
    const nsky_train_card *ops = nsky_train_cuda.card;
    const nsky_train_meeting meeting = {
        .folder = args->folder, .timeout_s = MEET_S, .same = "check"};
    nsky_learner_options how = learner_of(g, b->count, b->count / 4);
    float *images = NULL;
    void *card = NULL;

    how.rank = args->rank - 1;
    how.ranks = args->ranks;
    nsky_status status = share_images(&images, b, args, err);
    if (status == NSKY_OK && (status = ops->open(&card, &how, err)) == NSKY_OK && args->ranks > 1)
        status = ops->join(card, &meeting, err);
    if (status == NSKY_OK && (status = step(card, g, b, images, out, err)) == NSKY_OK)
        ops->leave(card);
    ops->close(card);
    nsky_free(images);
    return status;
}

nsky_status check_train_ranks(const check_args *args, nsky_error *err)
{
    nsky_train_graph *graph = nsky_alloc_zero(1, sizeof *graph, err);
    uint32_t count = args->batch > 0 ? args->batch : 64;
    outcome out = {.loss = NAN};
    batch b = {.count = 0};
    nsky_status status = graph ? NSKY_OK : NSKY_ENOMEM;

    if (status == NSKY_OK && (count % 8 != 0 || 4 % args->ranks != 0))
        status = nsky_fail(err, NSKY_EINVAL, "a batch of eights, and 1, 2 or 4 ranks");
    if (status == NSKY_OK) {
        check_train_graph(graph, args);
        if ((status = batch_new(&b, args, count, err)) == NSKY_OK &&
            (status = step_in_rank(graph, &b, args, &out, err)) == NSKY_OK)
            status = judge_ranks(graph, &out, args, err);
    }
    check_state_free(&out.state);
    batch_free(&b);
    nsky_free(graph);
    return status;
}

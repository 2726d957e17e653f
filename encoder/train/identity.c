/* identity.c - what must be equal for one training to go on where another stopped, as JSON that is
 * kept in the checkpoint and in the model. Thread rule: see trainer.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "encoder/arch.h"
#include "encoder/train/trainer.h"

/* Raise it when the code makes other bits of the same options. */
#define TRAINING_VERSION 1

static void put_head(nsky_json *object, const nsky_train_options *o)
{
    nsky_json_put_string(object, "arch", nsky_arch_name(o->arch));
    nsky_json_put_string(object, "stem", nsky_stem_name(o->stem));
    nsky_json_put_integer(object, "hidden", o->hidden);
    nsky_json_put_integer(object, "projection", o->projection);
    nsky_json_put_bool(object, "predictor", o->predictor);
    nsky_json_put_bool(object, "symmetric", o->symmetric);
    nsky_json_put_bool(object, "neighbours", o->neighbours);
    nsky_json_put_integer(object, "queue", o->queue);
    nsky_json_put_number(object, "temperature", o->temperature);
}

static void put_course(nsky_json *object, const nsky_train_options *o)
{
    char seed[24];

    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    nsky_json_put_integer(object, "batch", o->batch);
    nsky_json_put_integer(object, "sub_batch", o->sub_batch);
    nsky_json_put_integer(object, "epochs", o->epochs);
    nsky_json_put_string(object, "seed", seed);
    nsky_json_put_number(object, "rate", o->rate);
    nsky_json_put_number(object, "warm_epochs", o->warm_epochs);
    nsky_json_put_number(object, "momentum", o->momentum);
    nsky_json_put_number(object, "decay", o->decay);
    nsky_json_put_number(object, "keep", o->keep);
    nsky_json_put_number(object, "clip", o->clip);
    nsky_json_put_string(object, "device", o->device);
    nsky_json_put_string(object, "precision", nsky_precision_name(o->precision));
}

/* Where the loader makes them nothing is said, as it was before cards could. */
static void put_views(nsky_json *object, const nsky_trainer *t)
{
    if (t->packing.how.size > 0)
        nsky_json_put_string(object, "views", "card");
}

/* What it learns from beside the stores. */
static nsky_status put_labels(nsky_json *object, const nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    char sha256[NSKY_SHA256_HEX_BYTES];
    nsky_status status = NSKY_OK;

    if (o->init)
        nsky_json_put_string(object, "init", t->init_sha256);
    if (!o->labels)
        return NSKY_OK;
    if ((status = nsky_sha256_file(o->labels, sha256, err)) != NSKY_OK)
        return status;
    nsky_json_put_string(object, "labels", sha256);
    nsky_json_put_string(object, "label_column", o->label_column);
    nsky_json_put_integer(object, "bins", o->bins);
    if (o->heads)
        nsky_json_put_string(object, "heads", o->heads);
    return NSKY_OK;
}

char *nsky_trainer_identity(const nsky_trainer *t, nsky_error *err)
{
    assert(t && t->loader && err);
    nsky_json *object = nsky_json_object();

    nsky_json_put_integer(object, "version", TRAINING_VERSION);
    put_head(object, &t->options);
    put_course(object, &t->options);
    put_views(object, t);
    nsky_json_put_integer(object, "rows", (int64_t)nsky_loader_rows(t->loader));
    nsky_json_put(object, "preprocess", nsky_preprocess_describe(&t->options.preprocess));
    nsky_json_put(object, "augment", nsky_augment_describe(&t->options.augment));
    if (put_labels(object, t, err) != NSKY_OK) {
        nsky_json_free(object);
        return NULL;
    }
    char *text = nsky_json_print(object, false, err);
    nsky_json_free(object);
    return text;
}

/* The text of a value, for comparison. */
static bool equal(const nsky_json *a, const nsky_json *b, nsky_error *err)
{
    char *x = nsky_json_print(a, false, err), *y = b ? nsky_json_print(b, false, err) : NULL;
    bool same = x && y && strcmp(x, y) == 0;

    nsky_free(x);
    nsky_free(y);
    return same;
}

nsky_status nsky_trainer_same(const nsky_trainer *t, const char *identity, nsky_error *err)
{
    assert(t && identity && err);
    nsky_json *ours = NULL, *theirs = NULL;
    nsky_status status = nsky_json_parse(&ours, t->identity, strlen(t->identity), "options", err);

    if (status == NSKY_OK)
        status = nsky_json_parse(&theirs, identity, strlen(identity), t->checkpoint, err);
    for (const nsky_json *v = ours ? nsky_json_first(ours) : NULL; v && status == NSKY_OK;
         v = nsky_json_next(v))
        if (!equal(v, nsky_json_get(theirs, nsky_json_key(v)), err))
            status = nsky_fail(err, NSKY_EMISMATCH,
                               "%s is of a training with another %s; give the same options to go "
                               "on, or --fresh to begin again",
                               t->checkpoint, nsky_json_key(v));
    if (status == NSKY_OK && nsky_json_count(ours) != nsky_json_count(theirs))
        status =
            nsky_fail(err, NSKY_EMISMATCH,
                      "%s is of a training of another kind; --fresh begins again", t->checkpoint);
    nsky_json_free(ours);
    nsky_json_free(theirs);
    return status;
}

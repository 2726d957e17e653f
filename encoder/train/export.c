/* export.c - what was learned as a model file: the trunk under torchvision's names, with what it
 * was made of. Thread rule: see trainer.h. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/version.h"
#include "encoder/arch.h"
#include "encoder/safetensors.h"
#include "encoder/train/trainer.h"

#define SOURCES_MAX (NSKY_TRAIN_PARAMS_MAX + 2 * NSKY_TRAIN_NORMS_MAX)

typedef struct sources {
    nsky_safetensor_source list[SOURCES_MAX];
    char names[SOURCES_MAX][NSKY_TRAIN_NAME_BYTES + 16];
    uint32_t count;
} sources;

static nsky_safetensor_source *add(sources *s, const char *owner, const char *part,
                                   const float *data)
{
    assert(s->count < SOURCES_MAX);
    nsky_safetensor_source *source = &s->list[s->count];
    char *name = s->names[s->count++];

    snprintf(name, sizeof s->names[0], "%s%s", owner, part);
    *source = (nsky_safetensor_source){.name = name, .data = data};
    return source;
}

bool nsky_trainer_is_head(const char *name)
{
    return strncmp(name, "projection.", 11) == 0 || strncmp(name, "predictor.", 10) == 0 ||
           strncmp(name, "fc.", 3) == 0;
}

/* A classifier goes along, under torchvision's name; what pairs were compared by does not. */
static bool is_left_out(const char *name)
{
    return nsky_trainer_is_head(name) && strncmp(name, "fc.", 3) != 0;
}

static void list_sources(const nsky_train_graph *graph, const float *params, const float *stats,
                         bool half, sources *out)
{
    for (uint32_t i = 0; i < graph->param_count; i++) {
        const nsky_train_param *p = &graph->params[i];
        if (is_left_out(p->name))
            continue;
        nsky_safetensor_source *s = add(out, p->name, "", params + p->offset);
        s->dims = p->dims;
        memcpy(s->shape, p->shape, sizeof s->shape);
        s->half = half && p->dims == 4;
    }
    for (uint32_t i = 0; i < graph->norm_count; i++) {
        const nsky_train_norm *n = &graph->norms[i];
        static const char *const parts[] = {".running_mean", ".running_var"};
        for (uint32_t k = 0; k < 2 && !is_left_out(n->name); k++) {
            nsky_safetensor_source *s =
                add(out, n->name, parts[k], stats + n->offset + (size_t)k * n->channels);
            s->dims = 1;
            s->shape[0] = n->channels;
        }
    }
}

/* Where the weights come from, for people and for `nearsky info`. */
static char *provenance(const nsky_trainer *t, nsky_error *err)
{
    nsky_json *object = nsky_json_object(), *stores = nsky_json_array(), *options = NULL;

    for (uint32_t i = 0; i < t->store_count; i++)
        nsky_json_append_string(stores, nsky_path_base(t->stores[i]));
    nsky_json_put(object, "stores", stores);
    nsky_json_put_integer(object, "rows", (int64_t)nsky_loader_rows(t->loader));
    nsky_json_put_integer(object, "steps", (int64_t)t->step);
    nsky_json_put_integer(object, "steps_planned", (int64_t)t->steps);
    nsky_json_put_bool(object, "momentum_encoder", t->options.slow);
    nsky_json_put_fixed(object, "loss", t->report.loss, 4);
    nsky_json_put_fixed(object, "knn_accuracy", t->report.knn_accuracy, 4);
    nsky_json_put_fixed(object, "precision_at_10", t->report.precision_at_10, 4);
    nsky_json_put_string(object, "nearsky", nsky_version());
    nsky_json_put_string(object, "commit", nsky_commit());
    if (nsky_json_parse(&options, t->identity, strlen(t->identity), "options", err) == NSKY_OK)
        nsky_json_put(object, "options", options);
    char *text = nsky_json_print(object, false, err);
    nsky_json_free(object);
    return text;
}

/* What the outputs of fc mean. */
static void put_classes(nsky_json *metadata, const nsky_trainer *t)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_json *object = NULL;

    if (t->heads.count > 0) {
        object = nsky_json_object();
        nsky_json_put_string(object, "of", "features scaled to this length");
        nsky_json_put_number(object, "length", NSKY_HEADS_LENGTH);
        nsky_json_put(object, "heads", nsky_heads_describe(&t->heads));
    } else if (t->target) {
        object = nsky_target_describe(t->target);
    }
    char *text = object ? nsky_json_print(object, false, &ignored) : NULL;
    if (text)
        nsky_json_put_string(metadata, "nsky.labels", text);
    nsky_free(text);
    nsky_json_free(object);
}

static nsky_json *metadata_of(const nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    nsky_json *object = nsky_json_object(), *how = nsky_preprocess_describe(&o->preprocess);
    char *preprocess = nsky_json_print(how, false, err), *training = provenance(t, err);
    const char *base = nsky_path_base(t->path), *dot = strrchr(base, '.');
    char name[64];

    nsky_json_free(how);
    snprintf(name, sizeof name, "%.*s", (int)(dot && dot > base ? dot - base : (int)strlen(base)),
             base);
    if (object && preprocess && training) {
        nsky_json_put_string(object, "nsky.name", o->name ? o->name : name);
        nsky_json_put_string(object, "nsky.arch", nsky_arch_name(o->arch));
        nsky_json_put_string(object, "nsky.stem", nsky_stem_name(o->stem));
        nsky_json_put_string(object, "nsky.random", "false");
        nsky_json_put_string(object, "nsky.preprocess", preprocess);
        nsky_json_put_string(object, "nsky.training", training);
        put_classes(object, t);
    } else {
        if (!object)
            nsky_fail(err, NSKY_ENOMEM, "out of memory describing a model");
        nsky_json_free(object);
        object = NULL;
    }
    nsky_free(preprocess);
    nsky_free(training);
    return object;
}

nsky_status nsky_trainer_image(const nsky_trainer *t, bool half, void **image, size_t *bytes,
                               nsky_error *err)
{
    assert(t && image && bytes && err);
    sources *s = nsky_alloc_zero(1, sizeof *s, err);
    nsky_json *metadata = s ? metadata_of(t, err) : NULL;
    nsky_status status = metadata ? nsky_learner_fetch(t->learner, err) : err->status;

    *image = NULL;
    if (status == NSKY_OK) {
        const nsky_learner_state *state = nsky_learner_state_of(t->learner);
        bool slow = t->options.slow && state->slow_params;
        list_sources(slow ? &t->key : &t->query, slow ? state->slow_params : state->params,
                     slow ? state->slow_stats : state->stats, half, s);
        status = nsky_safetensors_build(image, bytes, s->list, s->count, metadata, err);
    }
    nsky_json_free(metadata);
    nsky_free(s);
    return status;
}

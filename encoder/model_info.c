/* model_info.c - what a weights file says about itself, checked against what it holds.
 *
 * __metadata__: nsky.name, nsky.arch, nsky.stem, nsky.random ("true"), nsky.preprocess (JSON, see
 * preprocess.h). Other keys are passed on by nsky_model_describe. Thread rule: as model.h.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/model_private.h"

/* ImageNet networks want red first, and their own mean and deviation. */
static const nsky_preprocess imagenet = {
    .size = 96,
    .scale_arcsec_px = (float)NSKY_SCALE_ARCSEC_PX,
    .stretch = NSKY_STRETCH_VIEWER,
    .channel = {2, 1, 0},
    .mean = {0.485f, 0.456f, 0.406f},
    .deviation = {0.229f, 0.224f, 0.225f},
    .views = 1,
};

static const char *metadata(const nsky_model *model, const char *key)
{
    return model->file.metadata ? nsky_json_get_string(model->file.metadata, key) : NULL;
}

/* From tensors that only one of the architectures has. */
static nsky_arch guess_arch(const nsky_model *model)
{
    if (nsky_model_weight(model, "layer1.0.conv3.weight"))
        return NSKY_RESNET50;
    return nsky_model_weight(model, "layer1.2.conv1.weight") ? NSKY_RESNET34 : NSKY_RESNET18;
}

static nsky_status read_stem(nsky_model *model, const char *what, nsky_error *err)
{
    const nsky_weight *w = nsky_model_weight(model, "conv1.weight");

    if (!w || w->dims != 4)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: no tensor conv1.weight [64, 3, k, k]: not a ResNet's weights", what);
    model->info.stem = w->shape[2] == 3 ? NSKY_STEM_SMALL : NSKY_STEM_IMAGENET;
    return NSKY_OK;
}

static nsky_status check_claims(const nsky_model *model, const char *what, nsky_error *err)
{
    const char *arch = metadata(model, "nsky.arch"), *stem = metadata(model, "nsky.stem");

    if (arch && strcmp(arch, nsky_arch_name(model->info.arch)) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: says it is a %s and holds a %s", what, arch,
                         nsky_arch_name(model->info.arch));
    if (stem && strcmp(stem, nsky_stem_name(model->info.stem)) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: says its stem is %s and has the %s one", what, stem,
                         nsky_stem_name(model->info.stem));
    return NSKY_OK;
}

static nsky_status read_preprocess(nsky_model *model, const char *what, nsky_error *err)
{
    const char *text = metadata(model, "nsky.preprocess");
    nsky_json *object = NULL;
    nsky_status status;

    model->assumed = !text;
    model->info.preprocess = imagenet;
    if (!text)
        return NSKY_OK;
    if ((status = nsky_json_parse(&object, text, strlen(text), what, err)) == NSKY_OK)
        status = nsky_preprocess_parse(&model->info.preprocess, object, what, err);
    nsky_json_free(object);
    return status;
}

nsky_status nsky_model_read_info(nsky_model *model, const char *what, nsky_error *err)
{
    nsky_model_info *info = &model->info;
    const char *name = metadata(model, "nsky.name"), *random = metadata(model, "nsky.random");
    const char *base = nsky_path_base(what), *dot = strrchr(base, '.');
    nsky_status status;

    if ((status = read_stem(model, what, err)) != NSKY_OK)
        return status;
    info->arch = guess_arch(model);
    info->dim = nsky_arch_dim(info->arch);
    info->random_weights = random && strcmp(random, "true") == 0;
    if (name)
        snprintf(info->name, sizeof info->name, "%s", name);
    else
        snprintf(info->name, sizeof info->name, "%.*s",
                 (int)(dot && dot > base ? (size_t)(dot - base) : strlen(base)), base);
    if ((status = check_claims(model, what, err)) != NSKY_OK)
        return status;
    return read_preprocess(model, what, err);
}

/* What else the file says of itself: where it comes from, how it was trained. */
static nsky_json *other_metadata(const nsky_model *model)
{
    static const char *const ours[] = {"nsky.name", "nsky.arch", "nsky.stem", "nsky.random",
                                       "nsky.preprocess"};
    nsky_json *others = nsky_json_object();

    for (const nsky_json *v = nsky_json_first(model->file.metadata); v; v = nsky_json_next(v)) {
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            known = known || strcmp(nsky_json_key(v), ours[i]) == 0;
        if (!known)
            nsky_json_put_string(others, nsky_json_key(v), nsky_json_string(v));
    }
    return others;
}

nsky_status nsky_model_describe(const nsky_model *model, nsky_json **out, nsky_error *err)
{
    assert(model && out && err);
    const nsky_model_info *info = &model->info;

    if (!(*out = nsky_json_object()))
        return nsky_fail(err, NSKY_ENOMEM, "out of memory describing a model");
    nsky_json_put_string(*out, "name", info->name);
    nsky_json_put_string(*out, "arch", nsky_arch_name(info->arch));
    nsky_json_put_string(*out, "stem", nsky_stem_name(info->stem));
    nsky_json_put_integer(*out, "dim", info->dim);
    nsky_json_put_string(*out, "sha256", info->sha256);
    nsky_json_put_bool(*out, "random_weights", info->random_weights);
    nsky_json_put(*out, "preprocess", nsky_preprocess_describe(&info->preprocess));
    if (model->assumed)
        nsky_json_put_string(*out, "note", "input prepared as for ImageNet: the file does not say");
    nsky_json_put(*out, "metadata", other_metadata(model));
    return NSKY_OK;
}

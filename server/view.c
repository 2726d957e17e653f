/* view.c - see view.h. */
#include "server/view.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "store/generation.h"

/* Precision of the stored vectors, so that uploads are compared like with like. */
static nsky_precision precision_of(const nsky_json *manifest, nsky_precision fallback)
{
    const char *name = nsky_json_get_string(manifest, "precision");

    if (!name)
        name = nsky_json_get_string(nsky_json_get(manifest, "encoder"), "precision");
    nsky_precision precision;
    return name && nsky_precision_parse(name, &precision) ? precision : fallback;
}

static nsky_status open_model(nsky_view *view, const char *device, nsky_error *err)
{
    nsky_generation *generation = NULL;
    char *path = NULL;
    nsky_encoder_options options = nsky_encoder_defaults();
    nsky_status status;

    if ((status = nsky_generation_open(&generation, view->store, view->generation, err)) !=
            NSKY_OK ||
        (status = nsky_generation_model_path(generation, &path, err)) != NSKY_OK ||
        (status = nsky_model_open(&view->model, path, err)) != NSKY_OK)
        goto done;

    view->model_info = nsky_model_info_of(view->model);
    const char *expected =
        nsky_json_get_string(nsky_json_get(generation->manifest, "model"), "sha256");
    if (!expected || strcmp(expected, view->model_info->sha256) != 0) {
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: generation %u was made with other weights (%.12s) than these "
                           "(%.12s); run `nearsky embed` again",
                           path, view->generation, expected ? expected : "none named",
                           view->model_info->sha256);
        goto done;
    }
    if (view->model_info->dim != view->dim) {
        status =
            nsky_fail(err, NSKY_EMISMATCH, "%s: gives vectors of %u numbers, generation %u has %u",
                      path, view->model_info->dim, view->generation, view->dim);
        goto done;
    }
    options.device = device;
    options.precision = precision_of(generation->manifest, options.precision);
    status = nsky_encoder_open(&view->encoder, view->model, &options, err);
    if (status == NSKY_EDEVICE && options.precision != NSKY_FP32) {
        options.precision = NSKY_FP32; /* made on a better machine than this one */
        status = nsky_encoder_open(&view->encoder, view->model, &options, err);
    }
done:
    nsky_free(path);
    nsky_generation_close(generation);
    return status;
}

static nsky_status make_tag(nsky_view *view, nsky_error *err)
{
    char *manifest = nsky_json_print(nsky_search_manifest(view->search), false, err);

    if (!manifest)
        return err->status;
    snprintf(view->tag, sizeof view->tag, "%016llx",
             (unsigned long long)nsky_hash64(manifest, strlen(manifest)));
    nsky_free(manifest);
    return NSKY_OK;
}

nsky_status nsky_view_open(nsky_view **out, const char *store, const char *device,
                           uint32_t handles_max, nsky_error *err)
{
    nsky_view *view = nsky_alloc_zero(1, sizeof *view, err);
    nsky_survey *survey = NULL;
    nsky_status status;

    *out = NULL;
    if (!view)
        return err->status;
    pthread_mutex_init(&view->lock, NULL);
    atomic_init(&view->references, 1);
    view->handles_max = handles_max;
    if (!(view->store = nsky_strdup(store, err)) ||
        !(view->handles = nsky_alloc_zero(handles_max, sizeof *view->handles, err))) {
        status = err->status;
        goto done;
    }
    if ((status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, err)) != NSKY_OK ||
        (status = nsky_search_open(&view->search, store, 0, err)) != NSKY_OK)
        goto done;
    nsky_view_give_back(view, survey);
    survey = NULL;
    view->generation = nsky_search_generation(view->search);
    view->dim = nsky_search_dim(view->search);
    view->rows = nsky_search_rows(view->search);
    if ((status = open_model(view, device, err)) != NSKY_OK ||
        (status = nsky_guard_open(&view->guard, store, view->search, err)) != NSKY_OK ||
        (status = make_tag(view, err)) != NSKY_OK)
        goto done;
    *out = view;
    view = NULL;
done:
    nsky_survey_close(survey);
    nsky_view_release(view);
    return status;
}

nsky_view *nsky_view_retain(nsky_view *view)
{
    atomic_fetch_add(&view->references, 1);
    return view;
}

void nsky_view_release(nsky_view *view)
{
    if (!view || atomic_fetch_sub(&view->references, 1) != 1)
        return;
    for (uint32_t i = 0; i < view->handle_count; i++)
        nsky_survey_close(view->handles[i]);
    nsky_encoder_close(view->encoder);
    nsky_model_close(view->model);
    nsky_probe_free(view->guard);
    nsky_search_close(view->search);
    pthread_mutex_destroy(&view->lock);
    nsky_free(view->handles);
    nsky_free(view->store);
    nsky_free(view);
}

nsky_status nsky_view_borrow(nsky_view *view, nsky_survey **out, nsky_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&view->lock);
    if (view->handle_count > 0)
        *out = view->handles[--view->handle_count];
    pthread_mutex_unlock(&view->lock);
    return *out ? NSKY_OK : nsky_survey_open(out, view->store, NSKY_SURVEY_READ, err);
}

void nsky_view_give_back(nsky_view *view, nsky_survey *survey)
{
    pthread_mutex_lock(&view->lock);
    bool keep = view->handle_count < view->handles_max;
    if (keep)
        view->handles[view->handle_count++] = survey;
    pthread_mutex_unlock(&view->lock);
    if (!keep)
        nsky_survey_close(survey);
}

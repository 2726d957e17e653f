/* probe.c - see probe.h; reading and writing are in probe_file.c. */
#include "probe/probe.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

nsky_status nsky_probe_new(nsky_probe **out, nsky_probe_kind kind, uint32_t dim, uint32_t classes,
                           nsky_error *err)
{
    assert(out && err && dim > 0 && classes > 0);
    nsky_probe *probe = nsky_alloc_zero(1, sizeof *probe, err);

    *out = NULL;
    if (!probe)
        return err->status;
    probe->kind = kind;
    probe->dim = dim;
    probe->classes = classes;
    probe->outputs = kind == NSKY_PROBE_CLASSES ? classes : 1;
    probe->names = nsky_alloc_zero(classes, sizeof *probe->names, err);
    probe->weights = nsky_alloc_zero((size_t)probe->outputs * dim, sizeof *probe->weights, err);
    probe->bias = nsky_alloc_zero(probe->outputs, sizeof *probe->bias, err);
    probe->mean = nsky_alloc_zero(dim, sizeof *probe->mean, err);
    probe->spread = nsky_alloc_zero(dim, sizeof *probe->spread, err);
    if (!probe->names || !probe->weights || !probe->bias || !probe->mean || !probe->spread) {
        nsky_probe_free(probe);
        return err->status;
    }
    *out = probe;
    return NSKY_OK;
}

void nsky_probe_free(nsky_probe *probe)
{
    if (!probe)
        return;
    nsky_free(probe->names);
    nsky_free(probe->weights);
    nsky_free(probe->bias);
    nsky_free(probe->calibration);
    nsky_free(probe->mean);
    nsky_free(probe->spread);
    nsky_free(probe->labels);
    nsky_json_free(probe->method);
    nsky_json_free(probe->metrics);
    nsky_free(probe);
}

const char *nsky_probe_kind_name(nsky_probe_kind kind)
{
    static const char *const names[] = {"binary", "classes", "regression"};

    return names[kind];
}

nsky_status nsky_probe_check(const nsky_probe *probe, const nsky_json *manifest, nsky_error *err)
{
    const nsky_json *model = nsky_json_get(manifest, "model");
    const char *sha256 = nsky_json_get_string(model, "sha256");
    const char *preprocess = nsky_json_get_string(manifest, "preprocess_sha256");
    double dim = nsky_json_get_number(manifest, "dim", 0);

    if (!sha256 || strcmp(sha256, probe->model_sha256) != 0)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "probe \"%s\" is for the vectors of model %s (%.12s), these are of %s "
                         "(%.12s); train it again",
                         probe->name, probe->model_name, probe->model_sha256,
                         nsky_json_get_string(model, "name") ? nsky_json_get_string(model, "name")
                                                             : "another",
                         sha256 ? sha256 : "unknown");
    if (preprocess && strcmp(preprocess, probe->preprocess_sha256) != 0)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "probe \"%s\": the stamps were prepared otherwise when it was trained; "
                         "train it again",
                         probe->name);
    if (dim != probe->dim)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "probe \"%s\" has %u weights, vectors have %g numbers", probe->name,
                         probe->dim, dim);
    return NSKY_OK;
}

nsky_status nsky_probe_output(const nsky_probe *probe, const char *class, uint32_t *out,
                              nsky_error *err)
{
    char names[400] = "";
    size_t used = 0;

    *out = 0;
    if (probe->outputs == 1 && (!class || strcmp(class, probe->names[probe->classes - 1]) == 0))
        return NSKY_OK;
    for (uint32_t c = 0; c < probe->classes; c++) {
        if (class && probe->outputs > 1 && strcmp(class, probe->names[c]) == 0) {
            *out = c;
            return NSKY_OK;
        }
        if (used < sizeof names - 1)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", c ? ", " : "",
                                     probe->names[c]);
    }
    if (!class)
        return nsky_fail(err, NSKY_EINVAL, "probe \"%s\" knows several classes; name one: %s",
                         probe->name, names);
    return nsky_fail(err, NSKY_EINVAL, "probe \"%s\" has no direction for \"%s\"; it knows %s",
                     probe->name, class, names);
}

double nsky_probe_probability(const nsky_probe *probe, uint32_t output, double score)
{
    return probe->calibration ? nsky_calibrated(&probe->calibration[output], score) : NAN;
}

double nsky_probe_novelty(const nsky_probe *probe, const float *x)
{
    double sum = 0;

    for (uint32_t j = 0; j < probe->dim; j++) {
        double off = ((double)x[j] - (double)probe->mean[j]) / (double)probe->spread[j];
        sum += off * off;
    }
    return sum / probe->dim / probe->novelty_unit;
}

/* probe_read.c - probe.h: a probe from JSON, checked as if a stranger had written it. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "probe/probe_private.h"

typedef struct parsing {
    const char *what;
    const nsky_json *root;
    nsky_probe *probe;
} parsing;

static nsky_status wrong(const parsing *p, const char *which, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA, "%s: no probe: \"%s\" is missing or makes no sense", p->what,
                     which);
}

static bool take_text(const nsky_json *object, const char *key, char *out, size_t bytes)
{
    const char *text = nsky_json_get_string(object, key);

    if (!text || strlen(text) >= bytes)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool take_count(const nsky_json *object, const char *key, double max, uint32_t *out)
{
    double number = nsky_json_get_number(object, key, -1);

    if (!(number >= 0 && number <= max && number == floor(number)))
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool take_floats(const nsky_json *object, const char *key, uint32_t count, float *out)
{
    const nsky_json *array = nsky_json_get(object, key);
    uint32_t i = 0;

    if (nsky_json_kind(array) != NSKY_JSON_ARRAY || nsky_json_count(array) != count)
        return false;
    for (const nsky_json *v = nsky_json_first(array); v; v = nsky_json_next(v)) {
        out[i] = (float)nsky_json_number(v, NAN);
        if (!isfinite(out[i++]))
            return false;
    }
    return true;
}

static bool take_sha256(const nsky_json *object, const char *key, char out[65])
{
    return take_text(object, key, out, 65) && strlen(out) == 64 &&
           strspn(out, "0123456789abcdef") == 64;
}

static bool take_calibration(const nsky_json *output, nsky_calibration *out)
{
    const nsky_json *from = nsky_json_get(output, "calibration");
    const nsky_json *covariance = nsky_json_get(from, "covariance");
    int i = 0;

    out->slope = nsky_json_get_number(from, "slope", NAN);
    out->offset = nsky_json_get_number(from, "offset", NAN);
    out->prevalence = nsky_json_get_number(from, "prevalence", NAN);
    if (nsky_json_count(covariance) != 3)
        return false;
    for (const nsky_json *v = nsky_json_first(covariance); v; v = nsky_json_next(v))
        out->covariance[i++] = nsky_json_number(v, NAN);
    return out->slope >= 0 && isfinite(out->slope) && isfinite(out->offset) &&
           out->prevalence > 0 && out->prevalence < 1;
}

static nsky_status read_outputs(parsing *p, nsky_error *err)
{
    nsky_probe *probe = p->probe;
    const nsky_json *outputs = nsky_json_get(p->root, "outputs");
    const bool calibrated = nsky_json_get(nsky_json_first(outputs), "calibration") != NULL;
    uint32_t o = 0;

    if (nsky_json_count(outputs) != probe->outputs)
        return wrong(p, "outputs", err);
    if (calibrated) {
        probe->calibration = nsky_alloc_zero(probe->outputs, sizeof *probe->calibration, err);
        if (!probe->calibration)
            return err->status;
        if (!take_text(p->root, "prevalence_source", probe->prevalence_source,
                       sizeof probe->prevalence_source))
            return wrong(p, "prevalence_source", err);
    }
    for (const nsky_json *v = nsky_json_first(outputs); v; v = nsky_json_next(v), o++) {
        double bias = nsky_json_get_number(v, "bias", NAN);
        probe->bias[o] = (float)bias;
        if (!isfinite(probe->bias[o]))
            return wrong(p, "bias", err);
        if (!take_floats(v, "weights", probe->dim, probe->weights + (size_t)o * probe->dim))
            return wrong(p, "weights", err);
        if (calibrated && !take_calibration(v, &probe->calibration[o]))
            return wrong(p, "calibration", err);
    }
    return NSKY_OK;
}

static bool take_id(const nsky_json *value, uint64_t *out)
{
    const char *text = nsky_json_string(value);
    char *end = NULL;

    if (!text || strlen(text) > 20 || strspn(text, "0123456789") != strlen(text) || !*text)
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0;
}

static bool take_ids(nsky_probe *probe, const nsky_json *class, uint32_t number)
{
    const nsky_json *ids = nsky_json_get(class, "ids"), *values = nsky_json_get(class, "values");
    const nsky_json *value = nsky_json_first(values);
    const size_t count = nsky_json_count(ids);
    const double drawn = nsky_json_get_number(class, "drawn", 0);
    size_t at = 0;

    if (!(drawn >= 0 && drawn <= (double)count))
        return false;
    if (values && nsky_json_count(values) != nsky_json_count(ids))
        return false;
    for (const nsky_json *v = nsky_json_first(ids); v; v = nsky_json_next(v)) {
        nsky_label *label = &probe->labels[probe->label_count];
        if (!take_id(v, &label->id))
            return false;
        label->class = number;
        label->drawn = (double)at++ >= (double)count - drawn;
        label->value = value ? nsky_json_number(value, NAN) : 0;
        value = value ? nsky_json_next(value) : NULL;
        probe->label_count++;
    }
    return true;
}

static nsky_status read_labels(parsing *p, nsky_error *err)
{
    nsky_probe *probe = p->probe;
    const nsky_json *labels = nsky_json_get(p->root, "labels");
    const nsky_json *classes = nsky_json_get(labels, "classes");
    size_t total = 0;
    uint32_t number = 0;

    for (const nsky_json *v = nsky_json_first(classes); v; v = nsky_json_next(v))
        total += nsky_json_count(nsky_json_get(v, "ids"));
    if (nsky_json_count(classes) != probe->classes || total > NSKY_LABELS_MAX ||
        !take_count(labels, "background", NSKY_LABELS_MAX, &probe->background))
        return wrong(p, "labels", err);
    probe->labels = nsky_alloc_zero(total, sizeof *probe->labels, err);
    if (!probe->labels)
        return err->status;
    for (const nsky_json *v = nsky_json_first(classes); v; v = nsky_json_next(v), number++) {
        if (probe->kind != NSKY_PROBE_REGRESSION &&
            !take_text(v, "class", probe->names[number], NSKY_CLASS_BYTES))
            return wrong(p, "class", err);
        if (!take_ids(probe, v, number))
            return wrong(p, "ids", err);
    }
    return NSKY_OK;
}

static nsky_status read_all(parsing *p, nsky_error *err)
{
    nsky_probe *probe = p->probe;
    const nsky_json *model = nsky_json_get(p->root, "model");
    const nsky_json *novelty = nsky_json_get(p->root, "novelty");
    nsky_status status;

    if (!take_text(p->root, "name", probe->name, sizeof probe->name))
        return wrong(p, "name", err);
    if (!take_text(p->root, "target", probe->target, sizeof probe->target))
        return wrong(p, "target", err);
    if (!take_text(model, "name", probe->model_name, sizeof probe->model_name) ||
        !take_sha256(model, "sha256", probe->model_sha256) ||
        !take_sha256(model, "preprocess_sha256", probe->preprocess_sha256))
        return wrong(p, "model", err);
    if (!take_count(p->root, "generation", 4e9, &probe->generation))
        return wrong(p, "generation", err);
    if (!take_text(p->root, "created_by", probe->created_by, sizeof probe->created_by))
        return wrong(p, "created_by", err);
    if ((status = read_outputs(p, err)) != NSKY_OK || (status = read_labels(p, err)) != NSKY_OK)
        return status;
    probe->novelty_unit = nsky_json_get_number(novelty, "unit", NAN);
    bool good = probe->novelty_unit > 0 && take_floats(novelty, "mean", probe->dim, probe->mean) &&
                take_floats(novelty, "spread", probe->dim, probe->spread);
    for (uint32_t j = 0; good && j < probe->dim; j++)
        good = probe->spread[j] > 0;
    if (!good)
        return wrong(p, "novelty", err);
    probe->method = nsky_probe_json_copy(nsky_json_get(p->root, "method"));
    probe->metrics = nsky_probe_json_copy(nsky_json_get(p->root, "metrics"));
    return NSKY_OK;
}

static bool take_kind(const nsky_json *root, nsky_probe_kind *out)
{
    const char *text = nsky_json_get_string(root, "kind");

    for (int kind = 0; text && kind <= NSKY_PROBE_REGRESSION; kind++)
        if (strcmp(text, nsky_probe_kind_name((nsky_probe_kind)kind)) == 0) {
            *out = (nsky_probe_kind)kind;
            return true;
        }
    return false;
}

static nsky_status begin(parsing *p, nsky_error *err)
{
    const char *format = nsky_json_get_string(p->root, "format");
    uint32_t dim = 0, version = 0;
    size_t classes = nsky_json_count(nsky_json_get(nsky_json_get(p->root, "labels"), "classes"));
    nsky_probe_kind kind;

    if (!format || strcmp(format, NSKY_PROBE_FORMAT_NAME) != 0 ||
        !take_count(p->root, "version", 1e6, &version))
        return nsky_fail(err, NSKY_EDATA, "%s: not a probe; `nearsky probe train` makes them",
                         p->what);
    if (version > NSKY_PROBE_FORMAT)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: a probe of format %u, this nearsky knows %d; update nearsky", p->what,
                         version, NSKY_PROBE_FORMAT);
    if (!take_kind(p->root, &kind))
        return wrong(p, "kind", err);
    if (!take_count(p->root, "dim", NSKY_PROBE_DIM_MAX, &dim) || dim == 0)
        return wrong(p, "dim", err);
    if (classes > NSKY_CLASSES_MAX || classes < (kind == NSKY_PROBE_CLASSES ? 3 : 1) ||
        (kind == NSKY_PROBE_BINARY && classes != 2) ||
        (kind == NSKY_PROBE_REGRESSION && classes != 1))
        return wrong(p, "labels", err);
    return nsky_probe_new(&p->probe, kind, dim, (uint32_t)classes, err);
}

static nsky_status from_json(nsky_probe **out, const nsky_json *root, const char *what,
                             nsky_error *err)
{
    parsing p = {what, root, NULL};
    nsky_status status = begin(&p, err);

    *out = NULL;
    if (status == NSKY_OK)
        status = read_all(&p, err);
    if (status == NSKY_OK)
        *out = p.probe;
    else
        nsky_probe_free(p.probe);
    return status;
}

nsky_status nsky_probe_parse(nsky_probe **out, const char *text, size_t bytes, const char *what,
                             nsky_error *err)
{
    assert(out && text && what && err);
    nsky_json *root = NULL;
    nsky_status status = nsky_json_parse(&root, text, bytes, what, err);

    *out = NULL;
    if (status == NSKY_OK)
        status = from_json(out, root, what, err);
    nsky_json_free(root);
    return status;
}

nsky_status nsky_probe_read(nsky_probe **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    nsky_json *root = NULL;
    nsky_status status = nsky_json_read_file(&root, path, NSKY_PROBE_BYTES_MAX, err);

    *out = NULL;
    if (status == NSKY_OK)
        status = from_json(out, root, path, err);
    nsky_json_free(root);
    return status;
}

/* probe_file.c - probe.h: a probe as JSON; reading it is in probe_read.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "probe/probe_private.h"

static nsky_json *json_floats(const float *values, uint32_t count)
{
    nsky_json *array = nsky_json_array();

    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.9g", (double)values[i]); /* the shortest that comes back */
        nsky_json_append_number(array, strtod(text, NULL));
    }
    return array;
}

nsky_json *nsky_probe_json_copy(const nsky_json *value)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *copy = NULL;
    char *text = value ? nsky_json_print(value, false, &err) : NULL;

    if (text && nsky_json_parse(&copy, text, strlen(text), "copy", &err) != NSKY_OK)
        copy = NULL;
    nsky_free(text);
    return copy;
}

static nsky_json *json_outputs(const nsky_probe *probe)
{
    nsky_json *outputs = nsky_json_array();

    for (uint32_t o = 0; o < probe->outputs; o++) {
        nsky_json *output = nsky_json_object();
        uint32_t class = probe->outputs == 1 ? probe->classes - 1 : o;
        if (probe->kind != NSKY_PROBE_REGRESSION)
            nsky_json_put_string(output, "class", probe->names[class]);
        if (probe->calibration) {
            const nsky_calibration *c = &probe->calibration[o];
            nsky_json *calibration = nsky_json_object();
            nsky_json_put_number(calibration, "slope", c->slope);
            nsky_json_put_number(calibration, "offset", c->offset);
            nsky_json_put_number(calibration, "prevalence", c->prevalence);
            nsky_json *covariance = nsky_json_array();
            for (int i = 0; i < 3; i++)
                nsky_json_append_number(covariance, c->covariance[i]);
            nsky_json_put(calibration, "covariance", covariance);
            nsky_json_put(output, "calibration", calibration);
        }
        nsky_json_put_number(output, "bias", (double)probe->bias[o]);
        nsky_json_put(output, "weights",
                      json_floats(probe->weights + (size_t)o * probe->dim, probe->dim));
        nsky_json_append(outputs, output);
    }
    return outputs;
}

static void append_id(nsky_json *array, uint64_t id)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    nsky_json_append_string(array, text);
}

/* Those of class c that were drawn as background, or those that were not, behind what is in the
 * lists. Returns how many. */
static uint32_t append_labels(const nsky_probe *probe, uint32_t c, bool drawn, nsky_json *ids,
                              nsky_json *values)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < probe->label_count; i++) {
        if (probe->labels[i].class != c || probe->labels[i].drawn != drawn)
            continue;
        count++;
        append_id(ids, probe->labels[i].id);
        nsky_json_append_number(values, probe->labels[i].value);
    }
    return count;
}

static nsky_json *json_labels(const nsky_probe *probe, bool with_labels)
{
    nsky_json *labels = nsky_json_object(), *classes = nsky_json_array();
    const bool regression = probe->kind == NSKY_PROBE_REGRESSION;

    nsky_json_put_integer(labels, "count", probe->label_count);
    nsky_json_put_integer(labels, "background", probe->background);
    for (uint32_t c = 0; c < probe->classes; c++) {
        nsky_json *class = nsky_json_object(), *ids = nsky_json_array(),
                  *values = nsky_json_array();
        uint32_t labelled = append_labels(probe, c, false, ids, values);
        uint32_t drawn = append_labels(probe, c, true, ids, values);
        if (!regression)
            nsky_json_put_string(class, "class", probe->names[c]);
        nsky_json_put_integer(class, "count", labelled + drawn);
        if (drawn > 0) /* the last of the ids are those */
            nsky_json_put_integer(class, "drawn", drawn);
        if (with_labels)
            nsky_json_put(class, "ids", ids);
        else
            nsky_json_free(ids);
        if (with_labels && regression)
            nsky_json_put(class, "values", values);
        else
            nsky_json_free(values);
        nsky_json_append(classes, class);
    }
    nsky_json_put(labels, "classes", classes);
    return labels;
}

nsky_json *nsky_probe_json(const nsky_probe *probe, bool with_labels)
{
    nsky_json *root = nsky_json_object(), *model = nsky_json_object();
    nsky_json *novelty = nsky_json_object();

    nsky_json_put_string(root, "format", NSKY_PROBE_FORMAT_NAME);
    nsky_json_put_integer(root, "version", NSKY_PROBE_FORMAT);
    nsky_json_put_string(root, "created_by", probe->created_by);
    nsky_json_put_string(root, "name", probe->name);
    nsky_json_put_string(root, "kind", nsky_probe_kind_name(probe->kind));
    nsky_json_put_string(root, "target", probe->target);
    nsky_json_put_string(model, "name", probe->model_name);
    nsky_json_put_string(model, "sha256", probe->model_sha256);
    nsky_json_put_string(model, "preprocess_sha256", probe->preprocess_sha256);
    nsky_json_put(root, "model", model);
    nsky_json_put_integer(root, "generation", probe->generation);
    nsky_json_put_integer(root, "dim", probe->dim);
    if (probe->calibration)
        nsky_json_put_string(root, "prevalence_source", probe->prevalence_source);
    if (probe->method)
        nsky_json_put(root, "method", nsky_probe_json_copy(probe->method));
    if (probe->metrics)
        nsky_json_put(root, "metrics", nsky_probe_json_copy(probe->metrics));
    nsky_json_put(root, "labels", json_labels(probe, with_labels));
    nsky_json_put(root, "outputs", json_outputs(probe));
    nsky_json_put_number(novelty, "unit", probe->novelty_unit);
    nsky_json_put(novelty, "mean", json_floats(probe->mean, probe->dim));
    nsky_json_put(novelty, "spread", json_floats(probe->spread, probe->dim));
    nsky_json_put(root, "novelty", novelty);
    return root;
}

nsky_status nsky_probe_write(const nsky_probe *probe, const char *path, nsky_error *err)
{
    nsky_json *root = nsky_probe_json(probe, true);
    nsky_status status = nsky_json_write_file(root, path, err);

    nsky_json_free(root);
    return status;
}

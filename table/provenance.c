/* provenance.c - see provenance.h. Thread rule: any thread. */
#include "table/provenance.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "common/version.h"

void nsky_provenance_of_manifest(nsky_provenance *out, uint32_t generation,
                                 const nsky_json *manifest)
{
    const nsky_json *model = nsky_json_get(manifest, "model");

    *out = (nsky_provenance){
        .generation = generation,
        .model = nsky_json_get_string(model, "name"),
        .model_sha256 = nsky_json_get_string(model, "sha256"),
        .random_weights = nsky_json_get_bool(model, "random_weights", false),
    };
}

const char *nsky_provenance_warning(const nsky_provenance *provenance)
{
    return provenance && provenance->random_weights
               ? "The network has random weights: it was never trained, and similarity means "
                 "little. Not for science."
               : NULL;
}

static void add_text(nsky_fact *facts, uint32_t *count, const char *name, const char *keyword,
                     const char *comment, const char *text)
{
    if (text && text[0])
        facts[(*count)++] = (nsky_fact){name, keyword, comment, NSKY_FACT_TEXT, .text = text};
}

static void add_integer(nsky_fact *facts, uint32_t *count, const char *name, const char *keyword,
                        const char *comment, uint64_t integer)
{
    if (integer)
        facts[(*count)++] =
            (nsky_fact){name, keyword, comment, NSKY_FACT_INTEGER, .integer = (int64_t)integer};
}

uint32_t nsky_provenance_facts(const nsky_provenance *p, nsky_fact out[NSKY_FACTS_MAX])
{
    uint32_t n = 0;

    add_text(out, &n, "software", "CREATOR", "program that wrote this", "nearsky");
    add_text(out, &n, "software_version", "SWVERSN", "its version", nsky_version());
    add_text(out, &n, "software_commit", "SWCOMMIT", "and commit", nsky_commit());
    if (!p)
        return n;
    assert(p->extra_count <= NSKY_FACTS_EXTRA_MAX);
    add_text(out, &n, "query", "QUERY", "what was asked", p->query);
    add_integer(out, &n, "generation", "GENERATN", "generation of the vectors", p->generation);
    add_text(out, &n, "model", "MODEL", "network", p->model);
    add_text(out, &n, "model_sha256", "MODELSHA", NULL, p->model_sha256);
    if (p->model)
        out[n++] = (nsky_fact){"random_weights", "RANDOMW", "the network was never trained",
                               NSKY_FACT_FLAG, .flag = p->random_weights};
    add_text(out, &n, "method", "METHOD", "how the rows were found", p->method);
    add_integer(out, &n, "scanned", "SCANNED", "vectors compared", p->scanned);
    for (uint32_t i = 0; i < p->extra_count; i++)
        out[n++] = p->extra[i];
    add_text(out, &n, "warning", "WARNING", NULL, nsky_provenance_warning(p));
    return n;
}

nsky_json *nsky_provenance_json(const nsky_provenance *provenance)
{
    nsky_fact facts[NSKY_FACTS_MAX];
    uint32_t count = nsky_provenance_facts(provenance, facts);
    nsky_json *json = nsky_json_object();

    for (uint32_t i = 0; i < count; i++) {
        const nsky_fact *f = &facts[i];
        if (f->type == NSKY_FACT_TEXT)
            nsky_json_put_string(json, f->name, f->text);
        else if (f->type == NSKY_FACT_INTEGER)
            nsky_json_put_integer(json, f->name, f->integer);
        else if (f->type == NSKY_FACT_NUMBER)
            nsky_json_put_number(json, f->name, f->number);
        else
            nsky_json_put_bool(json, f->name, f->flag);
    }
    return json;
}

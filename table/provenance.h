/* provenance.h - where a table comes from: what every format carries along with the rows. */
#ifndef NSKY_TABLE_PROVENANCE_H
#define NSKY_TABLE_PROVENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

#define NSKY_FACTS_MAX 32
#define NSKY_FACTS_EXTRA_MAX 16

typedef enum nsky_fact_type {
    NSKY_FACT_TEXT,
    NSKY_FACT_INTEGER,
    NSKY_FACT_NUMBER,
    NSKY_FACT_FLAG
} nsky_fact_type;

typedef struct nsky_fact {
    const char *name;    /* "model_sha256": JSON, VOTable, CSV comments */
    const char *keyword; /* "MODELSHA": FITS, at most 8 of A-Z 0-9 _ - */
    const char *comment; /* short: a FITS card has some 40 characters for it */
    nsky_fact_type type;
    const char *text;
    int64_t integer; /* |n| <= 2^53 */
    double number;
    bool flag;
} nsky_fact;

/* All borrowed; a zeroed member is left out. The program's version and commit are always told. */
typedef struct nsky_provenance {
    uint32_t generation;
    const char *model, *model_sha256;
    bool random_weights; /* told where there is a model; true comes with a warning */
    const char *method;  /* "exact scan" */
    const char *query;   /* what was asked, in words or as an address */
    uint64_t scanned;    /* vectors compared */
    const nsky_fact *extra;
    uint32_t extra_count; /* <= NSKY_FACTS_EXTRA_MAX */
} nsky_provenance;

/* generation, model, model_sha256 and random_weights of a generation's manifest; borrowed from it.
 */
void nsky_provenance_of_manifest(nsky_provenance *out, uint32_t generation,
                                 const nsky_json *manifest);

/* As a list, in the order in which it is written; provenance may be NULL. Returns how many. The
 * strings are borrowed from the provenance or live as long as the program. */
uint32_t nsky_provenance_facts(const nsky_provenance *provenance, nsky_fact out[NSKY_FACTS_MAX]);
/* What a reader must know before using the rows, or NULL. */
const char *nsky_provenance_warning(const nsky_provenance *provenance);
/* {software, generation, model, ...}. */
nsky_json *nsky_provenance_json(const nsky_provenance *provenance);

#endif

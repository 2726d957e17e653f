/* support.h - a table of every kind of cell with awkward rows. */
#ifndef NSKY_TESTS_TABLE_SUPPORT_H
#define NSKY_TESTS_TABLE_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "table/objects.h"

#define BIG_ID INT64_MAX /* far past 2^53 */

enum { COLUMNS = 6, ROWS = 4 };

static const nsky_table_column columns[COLUMNS] = {
    NSKY_COLUMN_ID,
    {.name = "votes", .type = NSKY_CELL_INTEGER, .description = "How <many> & \"who\""},
    NSKY_COLUMN_RA,
    {.name = "score", .type = NSKY_CELL_FLOAT, .decimals = -1, .ucd = "stat.value"},
    {.name = "label", .type = NSKY_CELL_TEXT},
    NSKY_COLUMN_TYPE,
};

/* Everything that some format must escape, characters of 2 and 4 bytes, no UTF-8, nothing. */
static const char *const labels[ROWS] = {
    "x,\"y\"\r\n<z> & 'w' ]]>",
    "caf\xc3\xa9 \xf0\x9f\x94\xad",
    "bad \xff\xc3 \xed\xa0\x80 end \x01 \xef\xbf\xbf",
    "",
};

typedef struct give {
    uint32_t count;
    uint32_t passes;     /* so far */
    int32_t later;       /* rows more, or fewer, the second time */
    bool longer_later;   /* longer text the second time */
    uint64_t id_offset;  /* added to every id */
    uint32_t fail_after; /* rows; 0: never */
    const char *label;   /* instead of labels; or NULL */
} give;

static inline nsky_status give_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    give *g = payload;
    int64_t count = (int64_t)g->count + (g->passes > 0 ? g->later : 0);
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        uint32_t kind = i % ROWS;
        const char *label = g->longer_later && g->passes > 0 ? "longer than it was, by a long way"
                            : g->label                       ? g->label
                                                             : labels[kind];
        const nsky_cell cells[COLUMNS] = {
            {.id = (uint64_t)BIG_ID - i + g->id_offset},
            {.integer = kind == 1 ? NSKY_TABLE_UNKNOWN : -(int64_t)i},
            {.number = kind == 2 ? NAN : 150.1163219 + i},
            {.number = kind == 3 ? -INFINITY : (double)(0.1f * (float)(i + 1))},
            {.text = label},
            {.text = kind == 3   ? NULL
                     : kind == 2 ? "R\xc3\x89X"
                                 : "REX"},
        };
        if (g->fail_after && i == g->fail_after)
            return nsky_fail(err, NSKY_EBUSY, "the rows failed");
        status = nsky_table_put(sink, cells, err);
    }
    g->passes++;
    return status;
}

static inline nsky_table table_of(give *g)
{
    return (nsky_table){.name = "things",
                        .description = "Things of <every> kind",
                        .columns = columns,
                        .column_count = COLUMNS,
                        .rows = give_rows,
                        .payload = g};
}

static const nsky_fact awkward_fact = {"note", "NOTE", "what people write", NSKY_FACT_TEXT,
                                       .text = "a\nb \xff & <c> \"d\" \x02"};

/* Everything that can be told. */
static inline nsky_provenance full_provenance(void)
{
    return (nsky_provenance){.generation = 3,
                             .model = "resnet18",
                             .model_sha256 =
                                 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                             .random_weights = true,
                             .method = "exact scan",
                             .query = "/api/v1/objects?a=1&b=<2>",
                             .scanned = 76000000,
                             .extra = &awkward_fact,
                             .extra_count = 1};
}

#endif

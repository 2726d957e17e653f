/* support.h - a table of every cell type with awkward rows, and tables into memory. */
#ifndef NSKY_TESTS_TABLE_SUPPORT_H
#define NSKY_TESTS_TABLE_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "table/objects.h"

#define assert_ok(call, err)            \
    do {                                \
        if ((call) != NSKY_OK)          \
            fail_msg("%s", (err).text); \
    } while (0)

#define BIG_ID INT64_C(9223372036854775807)

enum { COLUMNS = 6, ROWS = 4, VECTOR = 3 };

static const nsky_table_column columns[COLUMNS] = {
    NSKY_COLUMN_ID,
    {.name = "votes", .type = NSKY_CELL_INTEGER, .description = "How <many> & \"who\""},
    NSKY_COLUMN_RA,
    {.name = "score", .type = NSKY_CELL_FLOAT, .decimals = -1, .ucd = "stat.value"},
    {.name = "label", .type = NSKY_CELL_TEXT},
    NSKY_COLUMN_TYPE,
};

static const char *const labels[ROWS] = {
    "x,\"y\"\r\n<z> & 'w'",
    "caf\xc3\xa9 \xf0\x9f\x94\xad",
    "bad \xff\xc3 end \x01",
    "",
};

typedef struct rows {
    uint32_t count, passes;
    uint32_t grow_by;  /* rows more the second time */
    bool longer_later; /* longer text the second time */
    uint64_t id_offset;
} rows;

static inline nsky_status give_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    rows *r = payload;
    uint32_t count = r->count + (r->passes > 0 ? r->grow_by : 0);
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        nsky_cell cells[COLUMNS] = {
            {.id = (uint64_t)BIG_ID - i + r->id_offset},
            {.integer = i % ROWS == 1 ? NSKY_TABLE_UNKNOWN : -(int64_t)i},
            {.number = i % ROWS == 2 ? NAN : 150.1163219 + i},
            {.number = i % ROWS == 3 ? -INFINITY : 0.1f * (float)(i + 1)},
            {.text = r->longer_later && r->passes > 0 ? "longer than it ever was, by a lot"
                                                      : labels[i % ROWS]},
            {.text = i % ROWS == 3 ? NULL : "REX"},
        };
        status = nsky_table_put(sink, cells, err);
    }
    r->passes++;
    return status;
}

static inline nsky_table table_of(rows *r)
{
    return (nsky_table){.name = "things",
                        .description = "Things of every kind",
                        .columns = columns,
                        .column_count = COLUMNS,
                        .rows = give_rows,
                        .payload = r};
}

#endif

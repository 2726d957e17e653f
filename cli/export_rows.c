/* export_rows.c - rows of the catalogue, with or without their vectors; see export.h. */
#include "cli/export.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/progress.h"
#include "store/generation.h"
#include "table/objects.h"

#define NPY_VALUES_AT_ONCE ((uint64_t)1 << 20)

static const nsky_table_column vector_columns[] = {
    NSKY_COLUMN_ID,
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_RA,
    NSKY_COLUMN_DEC,
    {.name = "vector", .type = NSKY_CELL_FLOATS, .description = "Embedding, unit length"},
};
enum { VECTOR_COLUMNS = sizeof vector_columns / sizeof *vector_columns, VECTOR = 4 };

typedef struct source {
    const nsky_export *order;
    nsky_survey *survey;
    const nsky_generation *generation; /* NULL: rows without vectors */
    float *vector;                     /* [dim] */
    const nsky_table_column *columns;
    uint32_t column_count;
    uint64_t rows;     /* of the store, whatever is added meanwhile */
    uint64_t *deleted; /* [deleted_count] rows to leave out, ascending; owned */
    uint64_t deleted_count;

    /* one pass */
    nsky_table_sink *sink;
    nsky_progress *progress;
    uint64_t done, skipped;
    nsky_status status;
    nsky_error *err;
} source;

static nsky_status stopped(const nsky_export *order, nsky_error *err)
{
    if (order->out)
        return nsky_fail(err, NSKY_ECANCELLED, "stopped; %s is as it was", order->out);
    return nsky_fail(err, NSKY_ECANCELLED, "stopped before the end");
}

static bool each_row(const nsky_object *object, void *payload)
{
    source *s = payload;
    nsky_cell cells[NSKY_TABLE_COLUMNS_MAX];

    if (s->done == s->rows)
        return false;
    if (atomic_load(s->order->stop)) {
        s->status = stopped(s->order, s->err);
        return false;
    }
    if (s->skipped < s->deleted_count && s->deleted[s->skipped] == object->row) {
        s->skipped++;
        s->done++;
        return s->done < s->rows;
    }
    nsky_object_cells(cells, s->columns, s->column_count, object);
    if (s->generation) {
        nsky_generation_vector(s->generation, object->row, s->vector);
        cells[VECTOR].floats = s->vector;
    }
    s->status = nsky_table_put(s->sink, cells, s->err);
    s->done++;
    nsky_progress_add(s->progress, 1);
    return s->status == NSKY_OK && s->done < s->rows;
}

static nsky_status give_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    source *s = payload;

    s->sink = sink;
    s->err = err;
    s->done = s->skipped = 0;
    s->status = NSKY_OK;
    s->progress = nsky_progress_start("export", "rows", s->rows);
    nsky_status status = s->rows ? nsky_survey_each(s->survey, 0, each_row, s, err) : NSKY_OK;
    nsky_progress_end(s->progress);
    if (status != NSKY_OK || s->status != NSKY_OK)
        return status != NSKY_OK ? status : s->status;
    if (s->done != s->rows)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: the catalogue has %" PRIu64 " rows where it should have %" PRIu64
                         "; `nearsky verify` says more",
                         s->order->store, s->done, s->rows);
    return NSKY_OK;
}

static nsky_status write_rows(source *s, const nsky_provenance *provenance, const char *name,
                              const char *description, nsky_error *err)
{
    const nsky_export *order = s->order;
    const nsky_table table = {.name = name,
                              .description = description,
                              .columns = s->columns,
                              .column_count = s->column_count,
                              .rows = give_rows,
                              .payload = s,
                              .provenance = provenance,
                              .csv_comments = order->comments};

    if (order->out)
        return nsky_table_write_file(&table, order->format, order->out, err);
    return nsky_table_write_stream(&table, order->format, stdout, "standard output", err);
}

nsky_status nsky_export_objects(const nsky_export *order, nsky_error *err)
{
    const nsky_provenance provenance = {.query = "nearsky export --what objects"};
    source s = {
        .order = order, .columns = nsky_catalogue_columns, .column_count = NSKY_CATALOGUE_COLUMNS};
    nsky_status status = nsky_survey_open(&s.survey, order->store, NSKY_SURVEY_READ, err);

    if (status != NSKY_OK)
        return status;
    s.rows = nsky_survey_rows(s.survey);
    status = nsky_survey_deleted_rows(s.survey, s.rows, &s.deleted, &s.deleted_count, err);
    if (status == NSKY_OK)
        status = write_rows(&s, &provenance, "objects", "The catalogue of a nearsky store", err);
    nsky_free(s.deleted);
    nsky_survey_close(s.survey);
    return status;
}

/* --- vectors --- */

/* The row after those from `row` on that are written together: up to the next one deleted. */
static uint64_t end_of_run(const nsky_generation *generation, uint64_t row)
{
    const uint64_t most = row + NPY_VALUES_AT_ONCE / generation->dim + 1;
    const uint8_t *deleted = generation->deleted;
    uint64_t end = most < generation->rows ? most : generation->rows;

    for (uint64_t r = row; deleted && r < end; r++)
        if (deleted[r >> 3] >> (r & 7) & 1)
            end = r;
    return end;
}

static nsky_status write_npy(const nsky_export *order, const nsky_generation *generation,
                             nsky_error *err)
{
    nsky_file_writer file;
    const uint64_t shown = generation->rows - generation->deleted_count;
    nsky_status status = nsky_file_begin(&file, order->out, err);

    if (status != NSKY_OK)
        return status;
    nsky_progress *progress = nsky_progress_start("export", "rows", generation->rows);
    status = nsky_npy_begin(file.stream, order->out, order->values, shown, generation->dim, err);
    for (uint64_t row = 0, end; row < generation->rows && status == NSKY_OK; row = end) {
        end = end_of_run(generation, row);
        if (atomic_load(order->stop))
            status = stopped(order, err);
        else if (end > row)
            status = nsky_npy_put(file.stream, order->out, order->values, &generation->vectors, row,
                                  end - row, err);
        end += end == row; /* over the one that is deleted */
        nsky_progress_add(progress, end - row);
    }
    nsky_progress_end(progress);
    if (status == NSKY_OK)
        return nsky_file_commit(&file, err);
    nsky_file_abort(&file);
    return status;
}

static nsky_status write_vector_table(source *s, nsky_error *err)
{
    nsky_table_column columns[VECTOR_COLUMNS];
    nsky_provenance provenance;

    for (uint32_t i = 0; i < VECTOR_COLUMNS; i++)
        columns[i] = vector_columns[i];
    columns[VECTOR].length = s->generation->dim;
    s->columns = columns;
    s->column_count = VECTOR_COLUMNS;
    nsky_provenance_of_manifest(&provenance, s->generation->number, s->generation->manifest);
    provenance.query = "nearsky export --what vectors";
    if (!(s->vector = nsky_alloc(s->generation->dim, sizeof *s->vector, err)))
        return err->status;
    nsky_status status =
        write_rows(s, &provenance, "vectors", "The vectors of a nearsky store", err);
    nsky_free(s->vector);
    return status;
}

nsky_status nsky_export_vectors(const nsky_export *order, nsky_error *err)
{
    nsky_generation *generation = NULL;
    source s = {.order = order};
    nsky_status status = nsky_generation_open(&generation, order->store, 0, err);

    if (status == NSKY_OK)
        status = nsky_survey_open(&s.survey, order->store, NSKY_SURVEY_READ, err);
    if (status == NSKY_OK) {
        s.generation = generation;
        s.rows = generation->rows;
        status = nsky_survey_deleted_rows(s.survey, s.rows, &s.deleted, &s.deleted_count, err);
    }
    if (status == NSKY_OK) {
        status = order->npy ? write_npy(order, generation, err) : write_vector_table(&s, err);
        uint64_t more = nsky_survey_rows(s.survey) - s.rows;
        if (status == NSKY_OK && more > 0)
            fprintf(stderr,
                    "note: the last %" PRIu64 " objects have no vector yet; `nearsky embed` gives "
                    "them one\n",
                    more);
    }
    nsky_free(s.deleted);
    nsky_survey_close(s.survey);
    nsky_generation_close(generation);
    return status;
}

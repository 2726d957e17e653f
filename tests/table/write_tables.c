/* write_tables.c - tables for astropy_tables.py: write_tables FOLDER makes, in every format, `full`
 * (awkward rows), `many` (more than one piece of FITS) and `none` (no rows), and error.vot. */
#include "common/file.h"
#include "support.h"

static nsky_status write_all(const char *folder, const char *name, uint32_t count, nsky_error *err)
{
    nsky_provenance provenance = full_provenance();
    nsky_status status = NSKY_OK;

    for (int format = NSKY_TABLE_JSON; format <= NSKY_TABLE_FITS && status == NSKY_OK; format++) {
        give g = {.count = count};
        nsky_table table = table_of(&g);
        table.provenance = &provenance;
        table.csv_comments = true;
        char *path = nsky_format(err, "%s/%s.%s", folder, name, nsky_table_suffix(format));
        status = path ? nsky_table_write_file(&table, format, path, err) : err->status;
        nsky_free(path);
    }
    return status;
}

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data = NULL;
    size_t bytes;

    if (argc != 2)
        return 2;
    nsky_status status = write_all(argv[1], "full", ROWS, &err);
    if (status == NSKY_OK)
        status = write_all(argv[1], "many", 30000, &err);
    if (status == NSKY_OK)
        status = write_all(argv[1], "none", 0, &err);
    if (status == NSKY_OK)
        status = nsky_votable_error("no <RA> \xff", &data, &bytes, &err);
    char *path = status == NSKY_OK ? nsky_format(&err, "%s/error.vot", argv[1]) : NULL;
    if (path)
        status = nsky_file_write(path, data, bytes, &err);
    if (status != NSKY_OK)
        fprintf(stderr, "write_tables: %s\n", err.text);
    nsky_free(path);
    nsky_free(data);
    return status == NSKY_OK ? 0 : 1;
}

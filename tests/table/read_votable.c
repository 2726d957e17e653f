/* read_votable.c - a VOTable's cells, one a line, for astropy_votable.py to compare. */
#include <stdio.h>

#include "table/votable_read.h"

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_votable_reader *reader = NULL;
    bool more = argc == 2;

    if (!more || nsky_votable_reader_open(&reader, argv[1], &err) != NSKY_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const uint32_t columns = nsky_votable_reader_columns(reader);
    for (uint32_t c = 0; c < columns; c++)
        printf("%s%c", nsky_votable_reader_column(reader, c), 0);
    puts("");
    while (nsky_votable_reader_next(reader, &more, &err) == NSKY_OK && more) {
        for (uint32_t c = 0; c < columns; c++)
            printf("%s%c", nsky_votable_reader_field(reader, c), 0);
        puts("");
    }
    nsky_votable_reader_close(reader);
    if (err.status != NSKY_OK)
        fprintf(stderr, "%s\n", err.text);
    return err.status != NSKY_OK;
}

/* copy.c - see copy.h. Thread rule: any thread. */
#include "store/copy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define COPY_BYTES ((size_t)1 << 20)

static nsky_status pump(FILE *out, const char *to, FILE *in, const char *from, nsky_error *err)
{
    char *buffer = nsky_alloc(COPY_BYTES, 1, err);
    nsky_status status = NSKY_OK;
    size_t got;

    if (!buffer)
        return err->status;
    while (status == NSKY_OK && (got = fread(buffer, 1, COPY_BYTES, in)) > 0)
        if (fwrite(buffer, 1, got, out) != got)
            status = nsky_fail_errno(err, "%s: cannot write", to);
    if (status == NSKY_OK && ferror(in))
        status = nsky_fail_errno(err, "%s: cannot read", from);
    nsky_free(buffer);
    return status;
}

nsky_status nsky_copy_file(const char *to, const char *from, nsky_error *err)
{
    assert(to && from && err);
    nsky_file_writer writer;
    FILE *in = fopen(from, "rbe");
    nsky_status status;

    if (!in && errno == ENOENT)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", from);
    if (!in)
        return nsky_fail_errno(err, "%s: cannot open", from);
    if ((status = nsky_file_begin(&writer, to, err)) == NSKY_OK) {
        if ((status = pump(writer.stream, to, in, from, err)) == NSKY_OK)
            status = nsky_file_commit(&writer, err);
        else
            nsky_file_abort(&writer);
    }
    fclose(in);
    return status;
}

nsky_status nsky_link_file(const char *to, const char *from, bool *linked, nsky_error *err)
{
    assert(to && from && err);
    if (unlink(to) != 0 && errno != ENOENT)
        return nsky_fail_errno(err, "%s: cannot replace", to);
    const bool done = link(from, to) == 0;
    if (linked)
        *linked = done;
    return done ? NSKY_OK : nsky_copy_file(to, from, err);
}

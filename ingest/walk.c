/* walk.c - see walk.h. */
#include "ingest/walk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "store/survey.h"

static const struct {
    const char *extension;
    nsky_walk_kind kind;
} extensions[] = {
    {".fits.gz", NSKY_WALK_FITS}, {".fits.fz", NSKY_WALK_FITS}, {".fit.gz", NSKY_WALK_FITS},
    {".fits", NSKY_WALK_FITS},    {".fit", NSKY_WALK_FITS},     {".fts", NSKY_WALK_FITS},
    {".fz", NSKY_WALK_FITS},      {".jpeg", NSKY_WALK_PICTURE}, {".jpg", NSKY_WALK_PICTURE},
    {".png", NSKY_WALK_PICTURE},  {".hdf5", NSKY_WALK_HDF5},    {".h5", NSKY_WALK_HDF5},
};
#define EXTENSION_COUNT (sizeof extensions / sizeof extensions[0])

/* Index of the extension a name ends in, or EXTENSION_COUNT. */
static size_t extension_of(const char *base)
{
    size_t bytes = strlen(base);

    for (size_t i = 0; i < EXTENSION_COUNT; i++) {
        size_t tail = strlen(extensions[i].extension);
        if (bytes > tail && strcasecmp(base + bytes - tail, extensions[i].extension) == 0)
            return i;
    }
    return EXTENSION_COUNT;
}

size_t nsky_walk_image_stem(const char *base)
{
    size_t i = extension_of(base);
    return strlen(base) - (i < EXTENSION_COUNT ? strlen(extensions[i].extension) : 0);
}

size_t nsky_walk_stem(const char *base)
{
    size_t bytes = nsky_walk_image_stem(base);
    const char *dot = base[bytes] == '\0' ? strrchr(base, '.') : NULL;
    return dot && dot != base ? (size_t)(dot - base) : bytes;
}

typedef struct walker {
    nsky_walk *walk;
    struct stat store;
    bool has_store;
} walker;

static nsky_status add_file(nsky_walk *walk, const char *path, const struct stat *info,
                            nsky_walk_kind kind, nsky_error *err)
{
    if (walk->count == walk->capacity) {
        uint64_t capacity = walk->capacity ? walk->capacity * 2 : 256;
        nsky_walk_file *files = nsky_realloc(walk->files, capacity, sizeof *files, err);
        if (!files)
            return err->status;
        walk->files = files;
        walk->capacity = capacity;
    }
    char *copy = nsky_strdup(path, err);
    if (!copy)
        return err->status;
    walk->files[walk->count++] = (nsky_walk_file){
        .path = copy,
        .bytes = (uint64_t)info->st_size,
        .mtime_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
        .kind = kind,
    };
    return NSKY_OK;
}

static nsky_status walk_one(walker *w, const char *path, int depth, nsky_error *err);

static nsky_status walk_folder(walker *w, const char *path, int depth, nsky_error *err)
{
    char **names;
    size_t count;
    size_t bytes = strlen(path);
    const char *slash = bytes > 0 && path[bytes - 1] == '/' ? "" : "/";

    if (depth > NSKY_WALK_DEPTH_MAX) {
        nsky_log_warn("%s: left out, more than %d folders deep", path, NSKY_WALK_DEPTH_MAX);
        return NSKY_OK;
    }
    nsky_status status = nsky_directory_list(&names, &count, path, err);
    if (status == NSKY_ENOMEM || (status != NSKY_OK && depth == 0))
        return status;
    if (status != NSKY_OK) {
        nsky_log_warn("left out: %s", err->text);
        return NSKY_OK;
    }
    for (size_t i = 0; i < count && status == NSKY_OK; i++) {
        if (names[i][0] == '.') /* hidden: editors' and our own temporaries */
            continue;
        char *child = nsky_format(err, "%s%s%s", path, slash, names[i]);
        status = child ? walk_one(w, child, depth + 1, err) : err->status;
        nsky_free(child);
    }
    nsky_free(names);
    return status;
}

static nsky_status walk_one(walker *w, const char *path, int depth, nsky_error *err)
{
    struct stat info;
    int failed = depth == 0 ? stat(path, &info) : lstat(path, &info);

    if (failed && depth == 0 && (errno == ENOENT || errno == ENOTDIR))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file or folder", path);
    if (failed && depth == 0)
        return nsky_fail_errno(err, "%s", path);
    if (failed) { /* gone since it was listed */
        w->walk->other++;
        return NSKY_OK;
    }
    if (S_ISDIR(info.st_mode)) {
        bool own = w->has_store && info.st_dev == w->store.st_dev && info.st_ino == w->store.st_ino;
        return own ? NSKY_OK : walk_folder(w, path, depth, err);
    }
    size_t extension = extension_of(nsky_path_base(path));
    if (!S_ISREG(info.st_mode) || (extension == EXTENSION_COUNT && depth > 0)) {
        w->walk->other++;
        return NSKY_OK;
    }
    if (strlen(path) >= NSKY_SOURCE_BYTES) {
        nsky_log_warn("%.100s...: left out, a path of more than %d bytes", path,
                      NSKY_SOURCE_BYTES - 1);
        w->walk->other++;
        return NSKY_OK;
    }
    return add_file(w->walk, path, &info,
                    extension < EXTENSION_COUNT ? extensions[extension].kind : NSKY_WALK_GIVEN,
                    err);
}

typedef struct seen {
    const char *path;
    uint64_t index;
} seen;

static int by_path(const void *a, const void *b)
{
    const seen *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* `ingest STORE night night/a.fits` reads a.fits once. */
static nsky_status drop_repeats(nsky_walk *walk, nsky_error *err)
{
    uint64_t kept = 0;
    seen *list = nsky_alloc(walk->count, sizeof *list, err);

    if (!list)
        return err->status;
    for (uint64_t i = 0; i < walk->count; i++)
        list[i] = (seen){walk->files[i].path, i};
    qsort(list, walk->count, sizeof *list, by_path);
    for (uint64_t i = walk->count; i-- > 1;)
        if (strcmp(list[i].path, list[i - 1].path) == 0) {
            nsky_free(walk->files[list[i].index].path);
            walk->files[list[i].index].path = NULL;
        }
    for (uint64_t i = 0; i < walk->count; i++)
        if (walk->files[i].path)
            walk->files[kept++] = walk->files[i];
    walk->count = kept;
    nsky_free(list);
    return NSKY_OK;
}

nsky_status nsky_walk_paths(nsky_walk **out, const char *store, const char *const *paths,
                            uint32_t path_count, nsky_error *err)
{
    assert(out && paths && err);
    nsky_status status = NSKY_OK;
    walker w = {0};

    *out = NULL;
    w.walk = nsky_alloc_zero(1, sizeof *w.walk, err);
    if (!w.walk)
        return err->status;
    w.has_store = store && stat(store, &w.store) == 0;
    for (uint32_t i = 0; i < path_count && status == NSKY_OK; i++) {
        char *path = nsky_strdup(paths[i], err);
        if (!path) {
            status = err->status;
            break;
        }
        for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
            path[n - 1] = '\0';
        status = walk_one(&w, path, 0, err);
        nsky_free(path);
    }
    if (status == NSKY_OK && path_count > 1)
        status = drop_repeats(w.walk, err);
    if (status == NSKY_OK)
        *out = w.walk;
    else
        nsky_walk_free(w.walk);
    return status;
}

void nsky_walk_free(nsky_walk *walk)
{
    if (!walk)
        return;
    for (uint64_t i = 0; i < walk->count; i++)
        nsky_free(walk->files[i].path);
    nsky_free(walk->files);
    nsky_free(walk);
}

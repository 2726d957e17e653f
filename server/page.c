/* page.c - see page.h. */
#include "server/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"

#define DEPTH_MAX 8
#define IMMUTABLE "public, max-age=31536000, immutable"

typedef struct file {
    char *path; /* "/assets/index-1a2b.js", owned */
    void *data; /* owned */
    size_t bytes;
    const char *content_type;
    char etag[NSKY_ETAG_BYTES];
} file;

struct nsky_page {
    file *files; /* sorted by path */
    uint32_t count, capacity;
    size_t bytes;
};

static const char *content_type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static nsky_status add_file(nsky_page *page, const char *disk_path, const char *path,
                            nsky_error *err)
{
    char hex[NSKY_SHA256_HEX_BYTES];
    file added = {0};
    nsky_status status;

    if (page->count == NSKY_PAGE_FILES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %d files of a page", disk_path,
                         NSKY_PAGE_FILES_MAX);
    if (page->count == page->capacity) {
        uint32_t capacity = page->capacity ? 2 * page->capacity : 32;
        file *grown = nsky_realloc(page->files, capacity, sizeof *grown, err);
        if (!grown)
            return err->status;
        page->files = grown;
        page->capacity = capacity;
    }
    status = nsky_file_read(&added.data, &added.bytes, disk_path, NSKY_PAGE_BYTES_MAX - page->bytes,
                            err);
    if (status != NSKY_OK)
        return status;
    if (!(added.path = nsky_strdup(path, err))) {
        nsky_free(added.data);
        return err->status;
    }
    nsky_sha256_hex(added.data, added.bytes, hex);
    snprintf(added.etag, sizeof added.etag, "\"%.32s\"", hex);
    added.content_type = content_type_of(path);
    page->bytes += added.bytes;
    page->files[page->count++] = added;
    return NSKY_OK;
}

static nsky_status add_folder(nsky_page *page, const char *folder, const char *prefix, int depth,
                              nsky_error *err)
{
    char **names = NULL;
    size_t count = 0;
    nsky_status status = nsky_directory_list(&names, &count, folder, err);

    for (size_t i = 0; status == NSKY_OK && i < count; i++) {
        struct stat about;
        char *disk_path = nsky_format(err, "%s/%s", folder, names[i]);
        char *path = nsky_format(err, "%s/%s", prefix, names[i]);
        if (!disk_path || !path)
            status = err->status;
        else if (names[i][0] == '.' || lstat(disk_path, &about) != 0)
            status = NSKY_OK;
        else if (S_ISREG(about.st_mode))
            status = add_file(page, disk_path, path, err);
        else if (S_ISDIR(about.st_mode) && depth < DEPTH_MAX)
            status = add_folder(page, disk_path, path, depth + 1, err);
        nsky_free(disk_path);
        nsky_free(path);
    }
    nsky_free(names);
    return status;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const file *)a)->path, ((const file *)b)->path);
}

static const file *find(const nsky_page *page, const char *path)
{
    file key = {.path = (char *)(uintptr_t)path};

    return page->count ? bsearch(&key, page->files, page->count, sizeof key, by_path) : NULL;
}

nsky_status nsky_page_open(nsky_page **out, const char *folder, nsky_error *err)
{
    nsky_page *page = nsky_alloc_zero(1, sizeof *page, err);
    nsky_status status;

    *out = NULL;
    if (!page)
        return err->status;
    if (!nsky_directory_exists(folder)) {
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no such folder", folder);
        goto done;
    }
    if ((status = add_folder(page, folder, "", 0, err)) != NSKY_OK)
        goto done;
    if (page->count > 0)
        qsort(page->files, page->count, sizeof *page->files, by_path);
    if (!find(page, "/index.html")) {
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no index.html in it", folder);
        goto done;
    }
    *out = page;
    page = NULL;
done:
    nsky_page_close(page);
    return status;
}

void nsky_page_close(nsky_page *page)
{
    if (!page)
        return;
    for (uint32_t i = 0; i < page->count; i++) {
        nsky_free(page->files[i].path);
        nsky_free(page->files[i].data);
    }
    nsky_free(page->files);
    nsky_free(page);
}

bool nsky_page_reply(const nsky_page *page, const char *path, const char *if_none_match,
                     nsky_reply *reply)
{
    const file *found = find(page, path);
    bool hashed = strncmp(path, "/assets/", 8) == 0; /* the bundler names these by their content */

    if (!found && !strchr(strrchr(path, '/'), '.') && !hashed)
        found = find(page, "/index.html");
    if (!found)
        return false;
    nsky_reply_bytes(reply, found->content_type, found->data, found->bytes);
    reply->borrowed = true;
    reply->cache_control = hashed ? IMMUTABLE : "no-cache";
    nsky_reply_etag(reply, if_none_match, found->etag);
    reply->policy = NSKY_PAGE_POLICY;
    return true;
}

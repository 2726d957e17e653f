/* directory.c - the part of file.h that is about directories and paths.
 * Thread rule: any thread. Trees are walked by descriptors, so that a link swapped in while we walk
 * leads nowhere. */
#include "common/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define TREE_DEPTH_MAX 128 /* one descriptor a level */

nsky_status nsky_fsync_directory(const char *path, nsky_error *err)
{
    assert(path && err);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    nsky_status status = NSKY_OK;

    if (fd < 0 && errno == ENOENT)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such directory", path);
    if (fd < 0)
        return nsky_fail_errno(err, "%s: cannot open directory", path);
    if (fsync(fd) != 0 && errno != EINVAL) /* EINVAL: a file system without it */
        status = nsky_fail_errno(err, "%s: cannot sync directory", path);
    close(fd);
    return status;
}

/* Whether it was there already does not matter; what is there does. */
static nsky_status make_one(const char *path, nsky_error *err)
{
    if (mkdir(path, 0777) == 0 || nsky_directory_exists(path))
        return NSKY_OK;
    if (errno == EEXIST)
        return nsky_fail(err, NSKY_EEXIST, "%s: exists and is not a directory", path);
    return nsky_fail_errno(err, "%s: cannot make directory", path);
}

nsky_status nsky_make_directories(const char *path, nsky_error *err)
{
    assert(path && err);
    nsky_status status = NSKY_OK;

    if (*path == '\0')
        return nsky_fail(err, NSKY_EINVAL, "an empty path names no directory");
    char *copy = nsky_strdup(path, err);
    if (!copy)
        return err->status;
    for (char *at = copy + 1; *at != '\0' && status == NSKY_OK; at++) {
        if (*at != '/' || at[-1] == '/')
            continue;
        *at = '\0';
        status = make_one(copy, err);
        *at = '/';
    }
    if (status == NSKY_OK)
        status = make_one(copy, err);
    nsky_free(copy);
    return status;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static nsky_status remove_entry(int parent, const char *name, int depth, const char *root,
                                nsky_error *err);

/* One pass over a directory; *removed counts what went. */
static nsky_status remove_children(DIR *directory, int depth, const char *root, size_t *removed,
                                   nsky_error *err)
{
    struct dirent *entry;
    nsky_status status;

    for (;;) {
        errno = 0;
        if (!(entry = readdir(directory)))
            break;
        if (is_dots(entry->d_name))
            continue;
        status = remove_entry(dirfd(directory), entry->d_name, depth + 1, root, err);
        if (status != NSKY_OK)
            return status;
        (*removed)++;
    }
    return errno ? nsky_fail_errno(err, "%s: cannot list a directory in it", root) : NSKY_OK;
}

/* Deleting may upset a listing under way, so passes are repeated until one finds nothing. */
static nsky_status empty_directory(int fd, int depth, const char *root, nsky_error *err)
{
    DIR *directory = fdopendir(fd);
    nsky_status status;
    size_t removed;

    if (!directory) {
        status = nsky_fail_errno(err, "%s: cannot list a directory in it", root);
        close(fd);
        return status;
    }
    do {
        removed = 0;
        rewinddir(directory);
        status = remove_children(directory, depth, root, &removed, err);
    } while (status == NSKY_OK && removed > 0);
    closedir(directory);
    return status;
}

static nsky_status remove_entry(int parent, const char *name, int depth, const char *root,
                                nsky_error *err)
{
    nsky_status status;

    if (depth > TREE_DEPTH_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: nested deeper than %d directories", root,
                         TREE_DEPTH_MAX);
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return NSKY_OK;
    if (errno != EISDIR && errno != EPERM) /* POSIX says EPERM for a directory, Linux EISDIR */
        return nsky_fail_errno(err, "%s: cannot remove %s", root, name);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NSKY_OK : nsky_fail_errno(err, "%s: cannot open %s", root, name);
    if ((status = empty_directory(fd, depth, root, err)) != NSKY_OK)
        return status;
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return nsky_fail_errno(err, "%s: cannot remove %s", root, name);
    return NSKY_OK;
}

nsky_status nsky_remove_tree(const char *path, nsky_error *err)
{
    assert(path && err);
    char *copy = nsky_strdup(path, err);
    if (!copy)
        return err->status;
    /* "link/" would be followed where "link" is not. */
    for (size_t end = strlen(copy); end > 0 && copy[end - 1] == '/'; end--)
        copy[end - 1] = '\0';
    nsky_status status;
    if (*copy == '\0' || is_dots(nsky_path_base(copy)))
        status = nsky_fail(err, NSKY_EINVAL, "refusing to remove \"%s\"", path);
    else
        status = remove_entry(AT_FDCWD, copy, 0, path, err);
    nsky_free(copy);
    return status;
}

bool nsky_file_exists(const char *path)
{
    assert(path);
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool nsky_directory_exists(const char *path)
{
    assert(path);
    int code = errno; /* callers ask this while holding an errno they have yet to report */
    struct stat info;
    bool exists = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    errno = code;
    return exists;
}

const char *nsky_path_base(const char *path)
{
    assert(path);
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Names one after the other, each with its NUL. */
typedef struct name_list {
    char *text; /* [room] */
    size_t bytes, room, count;
} name_list;

static nsky_status add_name(name_list *list, const char *name, nsky_error *err)
{
    size_t bytes = strlen(name) + 1;

    if (list->room - list->bytes < bytes) {
        size_t room = list->room * 2 + bytes + 1024;
        char *moved = nsky_realloc(list->text, room, 1, err);
        if (!moved)
            return err->status;
        list->text = moved;
        list->room = room;
    }
    memcpy(list->text + list->bytes, name, bytes);
    list->bytes += bytes;
    list->count++;
    return NSKY_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: count + 1 pointers (the last NULL), then the text they point into. */
static char **pack_names(const name_list *list, nsky_error *err)
{
    size_t bytes;

    if (!nsky_mul_size(list->count + 1, sizeof(char *), &bytes) ||
        !nsky_add_size(bytes, list->bytes, &bytes))
        bytes = SIZE_MAX;
    char **names = nsky_alloc(bytes, 1, err);
    if (!names)
        return NULL;
    char *text = (char *)(names + list->count + 1);
    if (list->bytes > 0)
        memcpy(text, list->text, list->bytes);
    for (size_t i = 0; i < list->count; i++) {
        names[i] = text;
        text += strlen(text) + 1;
    }
    names[list->count] = NULL;
    qsort(names, list->count, sizeof *names, compare_names);
    return names;
}

static nsky_status read_names(name_list *list, DIR *directory, const char *path, nsky_error *err)
{
    struct dirent *entry;
    nsky_status status;

    for (;;) {
        errno = 0;
        if (!(entry = readdir(directory)))
            break;
        if (!is_dots(entry->d_name) && (status = add_name(list, entry->d_name, err)) != NSKY_OK)
            return status;
    }
    return errno ? nsky_fail_errno(err, "%s: cannot list", path) : NSKY_OK;
}

nsky_status nsky_directory_list(char ***out, size_t *count, const char *path, nsky_error *err)
{
    assert(out && count && path && err);
    name_list list = {NULL, 0, 0, 0};

    *out = NULL;
    *count = 0;
    DIR *directory = opendir(path);
    if (!directory && errno == ENOENT)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such directory", path);
    if (!directory)
        return nsky_fail_errno(err, "%s: cannot list", path);
    nsky_status status = read_names(&list, directory, path, err);
    closedir(directory);
    if (status == NSKY_OK && !(*out = pack_names(&list, err)))
        status = err->status;
    if (status == NSKY_OK)
        *count = list.count;
    nsky_free(list.text);
    return status;
}

/* bundled.c - see bundled.h. */
#include "cli/bundled.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/model.h"
#include "probe/guard.h"

char *nsky_cli_bundled_model(nsky_error *err)
{
    static const char *const places[] = {"../share/nearsky/models", "models", "../models",
                                         "../../models", "../../../models"};
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (length <= 0)
        return NULL;
    exe[length] = '\0';
    *strrchr(exe, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = nsky_format(err, "%s/%s/nearsky.safetensors", exe, places[i]);
        if (!path || nsky_file_exists(path))
            return path;
        nsky_free(path);
    }
    return NULL;
}

nsky_status nsky_cli_keep_guard(const char *store, const char *model_path, nsky_error *err)
{
    char *models = nsky_format(err, "%s/models", store);
    nsky_model *model = NULL;
    nsky_status status = models ? NSKY_OK : err->status;

    if (status == NSKY_OK && nsky_directory_exists(models) && nsky_file_exists(model_path) &&
        (status = nsky_model_open(&model, model_path, err)) == NSKY_OK)
        status = nsky_guard_keep(store, model_path, nsky_model_info_of(model)->sha256, err);
    nsky_model_close(model);
    nsky_free(models);
    return status;
}

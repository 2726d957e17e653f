/* folder.h - temporary folders of surveys, and comparing their bytes. Thread rule: one thread. */
#ifndef NSKY_TEST_SIM_FOLDER_H
#define NSKY_TEST_SIM_FOLDER_H

#include "support.h"

#include <unistd.h>

#include "common/file.h"
#include "sim/sim.h"

/* "/tmp/nearsky-sim-XXXXXX", removed by drop_folder. */
typedef struct folder {
    char path[64];
} folder;

static inline folder make_folder(void)
{
    folder f;
    strcpy(f.path, "/tmp/nearsky-sim-XXXXXX");
    assert_non_null(mkdtemp(f.path));
    return f;
}

static inline void drop_folder(folder *f)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_remove_tree(f->path, &err), err);
}

/* Every file below a has a twin of the same bytes below b. Returns how many. */
static inline int compare_folders(const char *a, const char *b)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names, left[1024], right[1024];
    size_t count;
    int files = 0;

    assert_ok(nsky_directory_list(&names, &count, a, &err), err);
    for (size_t i = 0; i < count; i++) {
        snprintf(left, sizeof left, "%s/%s", a, names[i]);
        snprintf(right, sizeof right, "%s/%s", b, names[i]);
        if (nsky_directory_exists(left)) {
            files += compare_folders(left, right);
            continue;
        }
        void *x, *y;
        size_t x_bytes, y_bytes;
        assert_ok(nsky_file_read(&x, &x_bytes, left, 1 << 26, &err), err);
        assert_ok(nsky_file_read(&y, &y_bytes, right, 1 << 26, &err), err);
        if (x_bytes != y_bytes || memcmp(x, y, x_bytes) != 0)
            fail_msg("%s and %s differ", left, right);
        nsky_free(x);
        nsky_free(y);
        files++;
    }
    nsky_free(names);
    return files;
}

static inline nsky_sim_options small_bricks(const folder *f, uint32_t bricks)
{
    nsky_sim_options options;
    nsky_sim_options_init(&options);
    options.out = f->path;
    options.bricks = bricks;
    options.size = 400;
    options.density = 8;
    options.lens_fraction = 0.1;
    return options;
}

static inline nsky_sim_options few_stamps(const folder *f, uint32_t stamps)
{
    nsky_sim_options options;
    nsky_sim_options_init(&options);
    options.out = f->path;
    options.stamps = stamps;
    options.lens_fraction = 0.2;
    return options;
}

static inline nsky_sim_report run(const nsky_sim_options *options)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report;
    assert_ok(nsky_sim_run(options, &report, &err), err);
    return report;
}

#endif

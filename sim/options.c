/* options.c - bounds of a survey, and the note it leaves in its folder. Thread rule: one thread. */
#include "sim/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "image/stamp.h"

#define NOTE_BYTES_MAX 65536
/* Raised when the same options give another sky. */
#define SKY_VERSION 1

void nsky_sim_options_init(nsky_sim_options *options)
{
    *options = (nsky_sim_options){.seed = 1,
                                  .density = NSKY_SIM_DENSITY,
                                  .lens_fraction = NSKY_SIM_LENS_FRACTION,
                                  .artefact_fraction = NSKY_SIM_ARTEFACT_FRACTION};
}

static nsky_status check_size(const nsky_sim_options *o, nsky_error *err)
{
    uint32_t low = o->stamps ? NSKY_SIM_STAMP_SIDE_MIN : NSKY_SIM_BRICK_SIDE_MIN;
    uint32_t high = o->stamps ? NSKY_STAMP_SIDE_MAX : NSKY_SIM_BRICK_SIDE_MAX;

    if (o->size != 0 && (o->size < low || o->size > high))
        return nsky_fail(err, NSKY_EINVAL, "a %s has %u to %u pixels a side, not %u",
                         o->stamps ? "stamp" : "brick", low, high, o->size);
    return NSKY_OK;
}

nsky_status sim_options_check(const nsky_sim_options *o, nsky_error *err)
{
    if (!o->out || !*o->out)
        return nsky_fail(err, NSKY_EINVAL, "no folder given to write into");
    if ((o->bricks > 0) == (o->stamps > 0))
        return nsky_fail(err, NSKY_EINVAL, "ask for bricks or for stamps: one of them, 1 or more");
    if (o->bricks > NSKY_SIM_BRICKS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "at most %d bricks, not %u", NSKY_SIM_BRICKS_MAX,
                         o->bricks);
    if (o->stamps > NSKY_SIM_STAMPS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "at most %d stamps, not %u", NSKY_SIM_STAMPS_MAX,
                         o->stamps);
    if (!(o->density >= NSKY_SIM_DENSITY_MIN && o->density <= NSKY_SIM_DENSITY_MAX))
        return nsky_fail(err, NSKY_EINVAL,
                         "density goes from %g to %g times the real sky's, not %g",
                         NSKY_SIM_DENSITY_MIN, NSKY_SIM_DENSITY_MAX, o->density);
    if (!(o->lens_fraction >= 0 && o->lens_fraction <= NSKY_SIM_LENS_FRACTION_MAX))
        return nsky_fail(err, NSKY_EINVAL, "the share of lenses goes from 0 to %g, not %g",
                         NSKY_SIM_LENS_FRACTION_MAX, o->lens_fraction);
    if (!(o->artefact_fraction >= 0 && o->artefact_fraction <= 1))
        return nsky_fail(err, NSKY_EINVAL, "the share of artefacts goes from 0 to 1, not %g",
                         o->artefact_fraction);
    if (o->threads > NSKY_SIM_THREADS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "at most %d threads, not %u", NSKY_SIM_THREADS_MAX,
                         o->threads);
    return check_size(o, err);
}

/* What decides the bytes of the survey, and a word to those who find it. */
static nsky_json *note_of(const nsky_sim_options *o, const sim_plan *plan)
{
    nsky_json *note = nsky_json_object();
    char seed[24];

    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    nsky_json_put_string(note, "what", "a make-believe survey by nearsky simulate: not data");
    nsky_json_put_integer(note, "sky_version", SKY_VERSION);
    nsky_json_put_string(note, "seed", seed);
    nsky_json_put_string(note, "kind", plan->stamps ? "stamps" : "bricks");
    nsky_json_put_integer(note, "count", plan->fields);
    nsky_json_put_integer(note, "size", plan->side);
    nsky_json_put_integer(note, "galaxies_each", plan->primaries);
    nsky_json_put_fixed(note, "lens_fraction", o->lens_fraction, 6);
    if (o->artefact_fraction != NSKY_SIM_ARTEFACT_FRACTION) /* else as it always was */
        nsky_json_put_fixed(note, "artefact_fraction", o->artefact_fraction, 6);
    if (o->nearby)
        nsky_json_put_bool(note, "nearby", true);
    nsky_json_put_string(note, "beware",
                         "Lenses and look-alikes are far more common than in the sky (1 in 10^4), "
                         "galaxies denser: scores measured here are not scores on a real survey.");
    return note;
}

static nsky_status compare(const char *path, const char *expected, nsky_error *err)
{
    void *found;
    size_t bytes;
    nsky_status status = nsky_file_read(&found, &bytes, path, NOTE_BYTES_MAX, err);

    if (status != NSKY_OK)
        return status;
    if (strcmp(found, expected) != 0)
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: a survey with other options lies here; give another folder, or "
                           "remove this one",
                           path);
    nsky_free(found);
    return status;
}

nsky_status sim_options_claim(const nsky_sim_options *options, const sim_plan *plan,
                              nsky_error *err)
{
    nsky_json *note = note_of(options, plan);
    char *path = nsky_format(err, "%s/simulate.json", options->out);
    char *text = path ? nsky_json_print(note, true, err) : NULL;
    nsky_status status = NSKY_ENOMEM;

    if (text)
        status = nsky_file_exists(path) ? compare(path, text, err)
                                        : nsky_file_write(path, text, strlen(text), err);
    nsky_json_free(note);
    nsky_free(text);
    nsky_free(path);
    return status;
}

uint32_t sim_options_threads(const nsky_sim_options *options, uint32_t fields)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t threads = options->threads ? options->threads : cores > 0 ? (uint32_t)cores : 1;

    threads = threads < fields ? threads : fields;
    return threads < NSKY_SIM_THREADS_MAX ? threads : NSKY_SIM_THREADS_MAX;
}

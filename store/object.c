/* object.c - what an object is before the store knows it: nothing, and its id.
 * Thread rule: pure functions. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/hash.h"
#include "store/survey.h"

#define RELEASE_MAX 0xFFFF
#define BRICKID_MAX 0xFFFFFF
#define OBJID_MAX 0xFFFF
#define HASHED_BIT ((uint64_t)1 << 62)

void nsky_object_init(nsky_object *object)
{
    assert(object);
    memset(object, 0, sizeof *object);
    object->ra_deg = object->dec_deg = NAN;
    object->mag_g = object->mag_r = object->mag_z = NAN;
    object->z_phot = object->z_spec = object->ebv = NAN;
}

static nsky_status check_part(const char *what, int64_t value, int64_t max, nsky_error *err)
{
    if (value >= 0 && value <= max)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EINVAL,
                     "%s %" PRId64 " is not between 0 and %" PRId64
                     ", so it makes no Legacy Survey id",
                     what, value, max);
}

nsky_status nsky_object_id_legacy(uint64_t *out, int64_t release, int64_t brickid, int64_t objid,
                                  nsky_error *err)
{
    assert(out && err);
    nsky_status status;

    *out = 0;
    if ((status = check_part("release", release, RELEASE_MAX, err)) != NSKY_OK ||
        (status = check_part("brickid", brickid, BRICKID_MAX, err)) != NSKY_OK ||
        (status = check_part("objid", objid, OBJID_MAX, err)) != NSKY_OK)
        return status;
    if (release == 0 && brickid == 0 && objid == 0)
        return nsky_fail(err, NSKY_EINVAL, "release, brickid and objid are all 0: no such object");
    *out = (uint64_t)release << 40 | (uint64_t)brickid << 16 | (uint64_t)objid;
    return NSKY_OK;
}

/* The survey's name is hashed first: no separator that a name could hold. */
uint64_t nsky_object_id_hashed(const char *survey_name, const char *source_name)
{
    assert(survey_name && source_name);
    uint64_t parts[2] = {nsky_hash64(survey_name, strlen(survey_name)),
                         nsky_hash64(source_name, strlen(source_name))};
    uint8_t bytes[16];

    for (int i = 0; i < 16; i++)
        bytes[i] = (uint8_t)(parts[i / 8] >> (56 - 8 * (i % 8)));
    return HASHED_BIT | (nsky_hash64(bytes, sizeof bytes) & (HASHED_BIT - 1));
}

/* loader_stamps.c - see loader_stamps.h. Thread rule: as there. */
#include "encoder/train/loader_stamps.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"
#include "encoder/train/augment_private.h"

#define ROWS_MAX UINT32_MAX
#define MEMORY_DEFAULT ((uint64_t)4 << 30)
#define HALF_MAX 65504.0f

/* A prepared stamp at rest. */
typedef struct kept {
    nsky_stamp header; /* without pixels */
    nsky_augment_own own;
    uint16_t halves[]; /* [3, height, width] */
} kept;

struct nsky_stamps {
    char *store[NSKY_LOADER_STORES_MAX];
    uint64_t first[NSKY_LOADER_STORES_MAX + 1]; /* row; the last one: all rows */
    uint32_t store_count;
    nsky_preprocess how;
    nsky_augment augment;
    _Atomic(kept *) *kept; /* [rows] */
    atomic_uint_fast64_t bytes;
    uint64_t bytes_max;
};

struct nsky_stamps_reader {
    nsky_stamps *stamps;
    nsky_survey *survey[NSKY_LOADER_STORES_MAX]; /* NULL: not opened yet */
    kept *passing;                               /* the last one there was no room for */
    nsky_stamp *stamp;
};

static nsky_status add_store(nsky_stamps *s, const char *store, nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, err);

    if (status != NSKY_OK)
        return status;
    uint64_t before = s->first[s->store_count], rows = nsky_survey_rows(survey);
    nsky_survey_close(survey);
    if (rows > ROWS_MAX - before)
        return nsky_fail(err, NSKY_ELIMIT, "%s: training takes at most %" PRIu32 " stamps", store,
                         ROWS_MAX);
    if (!(s->store[s->store_count] = nsky_strdup(store, err)))
        return err->status;
    s->first[++s->store_count] = before + rows;
    return NSKY_OK;
}

nsky_status nsky_stamps_open(nsky_stamps **out, const nsky_loader_options *options, nsky_error *err)
{
    assert(out && options && err && options->store_count <= NSKY_LOADER_STORES_MAX);
    nsky_stamps *s = nsky_alloc_zero(1, sizeof *s, err);
    nsky_status status = NSKY_OK;

    *out = NULL;
    if (!s)
        return err->status;
    s->how = options->preprocess;
    s->augment = options->augment;
    s->bytes_max = options->memory_bytes > 0 ? options->memory_bytes : MEMORY_DEFAULT;
    for (uint32_t i = 0; i < options->store_count && status == NSKY_OK; i++)
        status = add_store(s, options->stores[i], err);
    if (status == NSKY_OK &&
        !(s->kept = nsky_alloc_zero(nsky_stamps_rows(s), sizeof *s->kept, err)))
        status = err->status;
    if (status != NSKY_OK) {
        nsky_stamps_close(s);
        return status;
    }
    *out = s;
    return NSKY_OK;
}

uint64_t nsky_stamps_rows(const nsky_stamps *s)
{
    return s->first[s->store_count];
}

static uint32_t store_of(const nsky_stamps *s, uint64_t row)
{
    uint32_t i = 0;

    assert(row < nsky_stamps_rows(s));
    while (row >= s->first[i + 1])
        i++;
    return i;
}

const char *nsky_stamps_locate(const nsky_stamps *s, uint64_t row, uint64_t *own_row)
{
    uint32_t i = store_of(s, row);

    if (own_row)
        *own_row = row - s->first[i];
    return s->store[i];
}

void nsky_stamps_close(nsky_stamps *s)
{
    if (!s)
        return;
    for (uint64_t row = 0; s->kept && row < nsky_stamps_rows(s); row++)
        nsky_free(atomic_load(&s->kept[row]));
    for (uint32_t i = 0; i < NSKY_LOADER_STORES_MAX; i++)
        nsky_free(s->store[i]);
    nsky_free(s->kept);
    nsky_free(s);
}

nsky_status nsky_stamps_reader_new(nsky_stamps_reader **out, nsky_stamps *stamps, nsky_error *err)
{
    assert(out && stamps && err);
    if (!(*out = nsky_alloc_zero(1, sizeof **out, err)))
        return err->status;
    (*out)->stamps = stamps;
    return NSKY_OK;
}

void nsky_stamps_reader_free(nsky_stamps_reader *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < NSKY_LOADER_STORES_MAX; i++)
        nsky_survey_close(r->survey[i]);
    nsky_free(r->passing);
    nsky_stamp_free(r->stamp);
    nsky_free(r);
}

/* The survey with the row, opened, and the row's number there. */
static nsky_status reach(nsky_stamps_reader *r, uint64_t row, nsky_survey **survey,
                         uint64_t *own_row, nsky_error *err)
{
    const nsky_stamps *s = r->stamps;
    uint32_t i = store_of(s, row);

    if (!r->survey[i]) {
        nsky_status status = nsky_survey_open(&r->survey[i], s->store[i], NSKY_SURVEY_READ, err);
        if (status != NSKY_OK)
            return status;
    }
    *survey = r->survey[i];
    *own_row = row - s->first[i];
    return NSKY_OK;
}

nsky_status nsky_stamps_stored(nsky_stamps_reader *r, uint64_t row, nsky_stamp **out,
                               nsky_error *err)
{
    assert(r && out && err);
    nsky_survey *survey;
    uint64_t own_row;
    nsky_status status = reach(r, row, &survey, &own_row, err);

    *out = NULL;
    return status == NSKY_OK ? nsky_survey_stamp(survey, own_row, out, err) : status;
}

nsky_status nsky_stamps_object(nsky_stamps_reader *r, uint64_t row, nsky_object *out,
                               nsky_error *err)
{
    assert(r && out && err);
    nsky_survey *survey;
    uint64_t own_row;
    nsky_status status = reach(r, row, &survey, &own_row, err);

    return status == NSKY_OK ? nsky_survey_by_row(survey, own_row, out, err) : status;
}

/* --- float16 and back --- */

static size_t pixel_count(const nsky_stamp *stamp)
{
    return (size_t)NSKY_STAMP_BANDS * stamp->width * stamp->height;
}

static size_t bytes_of(const kept *k)
{
    return sizeof *k + pixel_count(&k->header) * sizeof k->halves[0];
}

/* A star brighter than float16 goes is as bright as it goes; infinite is missing. */
static nsky_status lay_down(kept **out, nsky_stamp *stamp, nsky_error *err)
{
    size_t count = pixel_count(stamp);
    kept *k = nsky_alloc(1, sizeof *k + count * sizeof k->halves[0], err);

    if (!(*out = k))
        return err->status;
    for (size_t i = 0; i < count; i++) {
        float value = stamp->pixels[i];
        value = value > HALF_MAX ? HALF_MAX : value < -HALF_MAX ? -HALF_MAX : value;
        stamp->pixels[i] = isinf(stamp->pixels[i]) ? NAN : value;
    }
    nsky_half_from_floats(k->halves, stamp->pixels, count);
    k->header = *stamp;
    k->header.pixels = NULL;
    return NSKY_OK;
}

static nsky_status pick_up(nsky_stamps_reader *r, const kept *k, nsky_error *err)
{
    const nsky_stamp *from = &k->header;
    nsky_status status = NSKY_OK;

    if (!r->stamp || r->stamp->width != from->width || r->stamp->height != from->height) {
        nsky_stamp_free(r->stamp);
        r->stamp = NULL;
        status = nsky_stamp_new(&r->stamp, from->width, from->height, from->scale_arcsec_px, err);
    }
    if (status != NSKY_OK)
        return status;
    float *pixels = r->stamp->pixels;
    *r->stamp = *from;
    r->stamp->pixels = pixels;
    nsky_half_to_floats(pixels, k->halves, pixel_count(from));
    return NSKY_OK;
}

/* --- reading --- */

static nsky_status read_ebv(nsky_stamps_reader *r, uint64_t row, float *ebv, nsky_error *err)
{
    const nsky_augment *a = &r->stamps->augment;
    nsky_object object;

    *ebv = NAN;
    if (a->reddening.kind == NSKY_DRAW_OFF || !a->reddening_catalogue)
        return NSKY_OK;
    nsky_status status = nsky_stamps_object(r, row, &object, err);
    if (status == NSKY_OK)
        *ebv = object.ebv;
    return status;
}

/* From the store; r->stamp then holds it, too. */
static nsky_status read_one(nsky_stamps_reader *r, uint64_t row, kept **out, nsky_error *err)
{
    const nsky_stamps *s = r->stamps;
    nsky_stamp *stored = NULL, *changed = NULL;
    nsky_status status;

    *out = NULL;
    if ((status = nsky_stamps_stored(r, row, &stored, err)) == NSKY_OK &&
        (status = nsky_augment_prepare(&changed, stored, &s->augment, &s->how, err)) == NSKY_OK &&
        (status = lay_down(out, changed ? changed : stored, err)) == NSKY_OK &&
        (status = read_ebv(r, row, &(*out)->own.ebv, err)) == NSKY_OK &&
        (status = pick_up(r, *out, err)) == NSKY_OK)
        nsky_augment_know_noise(r->stamp, &s->how, (*out)->own.noise);
    nsky_stamp_free(stored);
    nsky_stamp_free(changed);
    if (status != NSKY_OK) {
        nsky_free(*out);
        *out = NULL;
    }
    return status;
}

/* Keeps it where there is room; else it lasts until the reader's next. Around the end of an epoch
 * two threads may come with the same row: the first one's stays. */
static void keep(nsky_stamps_reader *r, uint64_t row, kept *k)
{
    nsky_stamps *s = r->stamps;
    uint64_t bytes = bytes_of(k);
    kept *nobody = NULL;

    if (atomic_fetch_add(&s->bytes, bytes) + bytes <= s->bytes_max &&
        atomic_compare_exchange_strong(&s->kept[row], &nobody, k))
        return;
    atomic_fetch_sub(&s->bytes, bytes);
    r->passing = k;
}

/* In memory, or in r->passing; *read: from the store, and r->stamp holds it, too. */
static nsky_status find(nsky_stamps_reader *r, uint64_t row, kept **out, bool *read,
                        nsky_error *err)
{
    nsky_status status = NSKY_OK;

    nsky_free(r->passing);
    r->passing = NULL;
    *out = atomic_load(&r->stamps->kept[row]);
    *read = !*out;
    if (*read && (status = read_one(r, row, out, err)) == NSKY_OK)
        keep(r, row, *out);
    return status;
}

nsky_status nsky_stamps_prepared(nsky_stamps_reader *r, uint64_t row, const nsky_stamp **stamp,
                                 nsky_augment_own *own, nsky_error *err)
{
    assert(r && stamp && own && err && row < nsky_stamps_rows(r->stamps));
    kept *k;
    bool read;
    nsky_status status = find(r, row, &k, &read, err);

    if (status == NSKY_OK && !read)
        status = pick_up(r, k, err);
    if (status != NSKY_OK)
        return status;
    *own = k->own;
    *stamp = r->stamp;
    return NSKY_OK;
}

nsky_status nsky_stamps_pack(nsky_stamps_reader *r, uint64_t row, nsky_stamps_packed *out,
                             nsky_error *err)
{
    assert(r && out && err && row < nsky_stamps_rows(r->stamps));
    kept *k;
    bool read;
    nsky_status status = find(r, row, &k, &read, err);

    if (status != NSKY_OK)
        return status;
    *out = (nsky_stamps_packed){
        .header = k->header, .own = k->own, .pixels = k->halves, .owned = r->passing};
    r->passing = NULL;
    return NSKY_OK;
}

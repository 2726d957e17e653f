/* background.c - train.h: negatives drawn from the survey itself. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "common/rng.h"
#include "probe/train.h"

#define POOL_MAX 50000 /* candidates that matches are looked for in */
#define MAG_SCALE 0.25 /* mag, and below colours: a match within one of these is close */
#define COLOUR_SCALE 0.1
#define DRAWS_PER_ROW 50 /* before giving up on finding one that is free */

typedef struct candidate {
    uint64_t row;
    double place[3]; /* r magnitude and the two colours, in the scales above */
    bool usable, taken;
} candidate;

static bool place_of(const nsky_search *search, uint64_t row, double out[3], bool *known,
                     nsky_error *err)
{
    nsky_row_facts facts;

    if (nsky_search_facts(search, row, &facts, err) != NSKY_OK)
        return false;
    *known = facts.known;
    out[0] = (double)facts.mag[1] / MAG_SCALE;
    out[1] = ((double)facts.mag[0] - (double)facts.mag[1]) / COLOUR_SCALE;
    out[2] = ((double)facts.mag[1] - (double)facts.mag[2]) / COLOUR_SCALE;
    return true;
}

typedef struct vector_check {
    uint8_t *there; /* [n] */
    uint32_t dim;
} vector_check;

static void check_vector(uint64_t i, const float *x, void *payload)
{
    const vector_check *check = payload;

    for (uint32_t j = 0; j < check->dim && !check->there[i]; j++)
        check->there[i] = x[j] != 0;
}

/* Leaves those of pool [first, *count) that have a vector, in their order. */
static nsky_status keep_embedded(const nsky_search *search, candidate *pool, uint32_t first,
                                 uint32_t *count, nsky_error *err)
{
    const uint32_t n = *count - first;
    vector_check check = {nsky_alloc_zero(n, 1, err), nsky_search_dim(search)};
    uint32_t *rows = nsky_alloc(n, sizeof *rows, err);
    nsky_status status = check.there && rows ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < n && status == NSKY_OK; i++)
        rows[i] = (uint32_t)pool[first + i].row;
    if (status == NSKY_OK)
        status = nsky_search_vectors(search, rows, n, check_vector, &check, err);
    for (uint32_t i = *count = first; status == NSKY_OK && i < first + n; i++)
        if (check.there[i - first])
            pool[(*count)++] = pool[i];
    nsky_free(rows);
    nsky_free(check.there);
    return status;
}

typedef struct drawing {
    const nsky_labels *labels;
    const nsky_search *search;
    uint8_t *seen; /* a bit a row */
    nsky_rng rng;
    uint64_t draws; /* that are left */
} drawing;

/* More into pool, up to `wanted`, whose vectors are not looked at yet. */
static void draw_more(drawing *d, candidate *pool, uint32_t wanted, uint32_t *count)
{
    const uint64_t rows = nsky_search_rows(d->search);

    for (; d->draws > 0 && *count < wanted; d->draws--) {
        uint64_t row = (uint64_t)(nsky_rng_uniform(&d->rng) * (double)rows);
        nsky_error none = NSKY_ERROR_INIT; /* without an index no magnitudes are known */
        bool known = false;
        if (d->seen[row >> 3] >> (row & 7) & 1)
            continue;
        d->seen[row >> 3] |= (uint8_t)(1u << (row & 7));
        candidate *c = &pool[*count];
        *c = (candidate){.row = row};
        c->usable = place_of(d->search, row, c->place, &known, &none) && isfinite(c->place[0]) &&
                    isfinite(c->place[1]) && isfinite(c->place[2]);
        if (!known && !nsky_search_is_deleted(d->search, row) && !nsky_labels_find(d->labels, row))
            ++*count;
    }
}

/* Different rows in random order that have a vector, no label and are not known. Vectors are read
 * many at once: in a large survey each comes from the disk. */
static nsky_status draw_pool(const nsky_labels *labels, const nsky_search *search, uint64_t seed,
                             candidate *pool, uint32_t wanted, uint32_t *count, nsky_error *err)
{
    const uint64_t rows = nsky_search_rows(search);
    drawing d = {labels, search, nsky_alloc_zero(rows / 8 + 1, 1, err),
                 nsky_rng_at(seed, 0x6261636b, 0), /* "back" */
                 (uint64_t)wanted * DRAWS_PER_ROW + rows};
    nsky_status status = d.seen ? NSKY_OK : err->status;

    *count = 0;
    while (status == NSKY_OK && d.draws > 0 && *count < wanted) {
        const uint32_t first = *count;
        draw_more(&d, pool, wanted, count);
        status = keep_embedded(search, pool, first, count, err);
    }
    nsky_free(d.seen);
    return status;
}

static candidate *nearest(candidate *pool, uint32_t count, const double place[3])
{
    candidate *best = NULL;
    double least = INFINITY;

    for (uint32_t i = 0; i < count; i++) {
        double square = 0;
        for (int k = 0; k < 3; k++)
            square += (pool[i].place[k] - place[k]) * (pool[i].place[k] - place[k]);
        if (pool[i].usable && !pool[i].taken && square < least) {
            least = square;
            best = &pool[i];
        }
    }
    return best;
}

/* Positives take turns, each the nearest that is still free. */
static nsky_status match(const nsky_labels *labels, uint32_t labelled, const nsky_search *search,
                         candidate *pool, uint32_t count, uint32_t wanted, nsky_error *err)
{
    uint32_t taken = 0, before = 0;
    bool known;

    do {
        before = taken;
        for (uint32_t i = 0; i < labelled && taken < wanted; i++) {
            double place[3];
            if (labels->items[i].class == 0)
                continue;
            if (!place_of(search, labels->items[i].row, place, &known, err))
                return err->status;
            candidate *best = nearest(pool, count, place);
            if (!best || !isfinite(place[0] + place[1] + place[2]))
                continue;
            best->taken = true;
            taken++;
        }
    } while (taken < wanted && taken > before);
    if (taken < wanted)
        return nsky_fail(err, NSKY_EINVAL,
                         "only %u objects with magnitudes can be matched to the positives, not %u",
                         taken, wanted);
    return NSKY_OK;
}

/* With the id that the probe's file names it by. */
static nsky_status add_row(nsky_labels *labels, nsky_survey *survey, uint64_t row, nsky_error *err)
{
    nsky_object object;
    nsky_status status = nsky_survey_by_row(survey, row, &object, err);

    return status == NSKY_OK
               ? nsky_labels_add(labels, &(nsky_label){.row = row, .id = object.id, .drawn = true},
                                 err)
               : status;
}

nsky_status nsky_background_draw(nsky_labels *labels, const nsky_search *search,
                                 nsky_survey *survey, const nsky_train_options *options,
                                 nsky_error *err)
{
    assert(labels && search && survey && options && options->background > 0 && err);
    const uint32_t wanted = options->background, labelled = labels->count;
    const bool matched = options->match_background;
    uint32_t pool_wanted = matched && wanted < POOL_MAX ? POOL_MAX : wanted, count = 0;

    if (wanted > NSKY_LABELS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%u negatives are more than %u", wanted,
                         NSKY_LABELS_MAX);
    nsky_labels_sort(labels);
    candidate *pool = nsky_alloc(pool_wanted, sizeof *pool, err);
    if (!pool)
        return err->status;
    nsky_status status = draw_pool(labels, search, options->seed, pool, pool_wanted, &count, err);
    if (status == NSKY_OK && count < wanted)
        status = nsky_fail(err, NSKY_EINVAL,
                           "the survey has only %u objects without a label to draw from, not %u",
                           count, wanted);
    if (status == NSKY_OK && matched)
        status = match(labels, labelled, search, pool, count, wanted, err);
    for (uint32_t i = 0; status == NSKY_OK && i < count; i++)
        if (!matched || pool[i].taken)
            status = add_row(labels, survey, pool[i].row, err);
    nsky_labels_sort(labels);
    nsky_free(pool);
    return status;
}

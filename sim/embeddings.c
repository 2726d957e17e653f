/* embeddings.c - see embeddings.h. Compiled without contraction, as all of sim/: the same bits. */
#include "sim/embeddings.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "common/rng.h"

enum {
    KINDS = NSKY_SIM_KINDS,
    CLOUDS = 13,
    LATENT = 12,
    TURNS = 2,
    STREAM_ROW = 0x0e000000,
    STREAM_TABLE = 0x0f000000
};

/* Fitted to 5,991 and 29,949 vectors of the bundled model (docs/index.md, "Make-believe vectors").
 * Shares of the variance around the mean, powers with which variances fall along the axes. */
static const double MEAN = 1.30; /* in units of the standard deviation around it */
static const double KIND_VARIANCE = 0.70, KIND_POWER = 3.21, KIND_OFFSET = 7.97;
static const double CLOUD_VARIANCE = 0.06, CLOUD_POWER = 1.52, CLOUD_OFFSET = 8.0;
static const double ROW_POWER = 1.35, ROW_OFFSET = 2.0;
static const double SHARE_POWER = 0.59; /* kind k has a share of (k + 1)^-this */
static const double WIDTH_OF_KIND = 0.40, WIDTH_OF_AXIS = 0.40, WIDTH_OF_ROW = 0.15; /* ln */
static const double CURVED = 0.85; /* share of the later axes that follows from the first */

struct nsky_sim_embeddings {
    uint64_t seed;
    uint32_t dim, power2; /* the largest power of two <= dim */
    double shares[KINDS]; /* cumulated */
    float *centres;       /* [KINDS, CLOUDS, dim] */
    float *widths;        /* [KINDS, dim] */
    float *signs;         /* [TURNS, dim] +1 or -1 */
    uint8_t *pairs;       /* [dim, 2] latent axes whose product a later axis follows */
};

/* out [dim]: standard deviations along the axes, axis 0 (the mean's) apart; squares sum to total.
 */
static void spectrum(float *out, uint32_t dim, double power, double offset, double total)
{
    double sum = 0;
    for (uint32_t d = 1; d < dim; d++)
        sum += pow(d - 1 + offset, -power);
    out[0] = 0.0f;
    for (uint32_t d = 1; d < dim; d++)
        out[d] = (float)sqrt(total / sum * pow(d - 1 + offset, -power));
}

static void fill_shares(nsky_sim_embeddings *e)
{
    double sum = 0;
    for (int k = 0; k < KINDS; k++)
        e->shares[k] = sum += pow(k + 1, -SHARE_POWER);
    for (int k = 0; k < KINDS; k++)
        e->shares[k] /= sum;
}

/* scratch [3, dim] */
static void fill_tables(nsky_sim_embeddings *e, float *scratch)
{
    const uint32_t dim = e->dim;
    float *kind = scratch, *cloud = scratch + dim, *own = scratch + 2 * (size_t)dim;
    double widths[KINDS], square = 0;
    nsky_rng rng = nsky_rng_at(e->seed, STREAM_TABLE, 0);
    for (int k = 0; k < KINDS; k++) {
        widths[k] = exp(WIDTH_OF_KIND * nsky_rng_normal(&rng));
        square += widths[k] * widths[k] / KINDS;
    }
    spectrum(kind, dim, KIND_POWER, KIND_OFFSET, KIND_VARIANCE);
    spectrum(cloud, dim, CLOUD_POWER, CLOUD_OFFSET, CLOUD_VARIANCE);
    spectrum(own, dim, ROW_POWER, ROW_OFFSET, 1 - KIND_VARIANCE - CLOUD_VARIANCE);
    for (uint32_t k = 0; k < KINDS; k++) {
        const double width = widths[k] / sqrt(square);
        for (uint32_t d = 0; d < dim; d++) {
            double at = d == 0 ? MEAN : kind[d] * nsky_rng_normal(&rng);
            for (uint32_t c = 0; c < CLOUDS; c++)
                e->centres[((size_t)k * CLOUDS + c) * dim + d] =
                    (float)(at + cloud[d] * width * nsky_rng_normal(&rng));
            e->widths[(size_t)k * dim + d] =
                (float)(own[d] * width * exp(WIDTH_OF_AXIS * (nsky_rng_normal(&rng) - 0.5)));
        }
    }
    for (uint64_t i = 0; i < (uint64_t)TURNS * dim; i++)
        e->signs[i] = nsky_rng_u32(&rng) & 1 ? 1.0f : -1.0f;
    for (uint32_t d = 0; d < dim; d++) {
        uint32_t one = nsky_rng_below(&rng, LATENT), other = nsky_rng_below(&rng, LATENT - 1);
        e->pairs[2 * (size_t)d] = (uint8_t)(1 + one);
        e->pairs[2 * (size_t)d + 1] = (uint8_t)(1 + other + (other >= one));
    }
}

nsky_status nsky_sim_embeddings_new(nsky_sim_embeddings **out, uint32_t dim, uint64_t seed,
                                    nsky_error *err)
{
    assert(out && err);
    *out = NULL;
    if (dim < 64 || dim > 8192)
        return nsky_fail(err, NSKY_EINVAL, "vectors of %u numbers; 64 to 8192 can be made", dim);
    float *scratch = nsky_alloc(3 * (size_t)dim, sizeof *scratch, err);
    nsky_sim_embeddings *e = nsky_alloc_zero(1, sizeof *e, err);
    if (scratch && e) {
        e->seed = seed;
        e->dim = dim;
        e->power2 = 1u << (31 - __builtin_clz(dim));
        e->centres = nsky_alloc((size_t)KINDS * CLOUDS * dim, sizeof(float), err);
        e->widths = nsky_alloc((size_t)KINDS * dim, sizeof(float), err);
        e->signs = nsky_alloc((size_t)TURNS * dim, sizeof(float), err);
        e->pairs = nsky_alloc(2 * (size_t)dim, 1, err);
    }
    if (!scratch || !e || !e->centres || !e->widths || !e->signs || !e->pairs) {
        nsky_sim_embeddings_free(e);
        nsky_free(scratch);
        return err->status;
    }
    fill_shares(e);
    fill_tables(e, scratch);
    nsky_free(scratch);
    *out = e;
    return NSKY_OK;
}

void nsky_sim_embeddings_free(nsky_sim_embeddings *e)
{
    if (!e)
        return;
    nsky_free(e->pairs);
    nsky_free(e->signs);
    nsky_free(e->widths);
    nsky_free(e->centres);
    nsky_free(e);
}

/* Walsh-Hadamard transform in place, without its factor 1 / sqrt(n). */
static void hadamard(float *x, uint32_t n)
{
    for (uint32_t half = 1; half < n; half *= 2)
        for (uint32_t i = 0; i < n; i += 2 * half)
            for (uint32_t j = i; j < i + half; j++) {
                float a = x[j], b = x[j + half];
                x[j] = a + b;
                x[j + half] = a - b;
            }
}

/* Signs and transforms, twice over: a rotation that costs n log n. A length that is no power of two
 * is covered by two transforms that overlap. */
static void turn(const nsky_sim_embeddings *e, float *x)
{
    const float factor = (float)(1.0 / sqrt(e->power2));
    for (uint32_t t = 0; t < TURNS; t++) {
        for (uint32_t d = 0; d < e->dim; d++)
            x[d] *= e->signs[(size_t)t * e->dim + d];
        for (uint32_t at = 0;; at = e->dim - e->power2) {
            hadamard(x + at, e->power2);
            for (uint32_t d = at; d < at + e->power2; d++)
                x[d] *= factor;
            if (at + e->power2 == e->dim)
                break;
        }
    }
}

static uint32_t kind_at(const nsky_sim_embeddings *e, double share)
{
    uint32_t kind = 0;
    while (kind < KINDS - 1 && share >= e->shares[kind])
        kind++;
    return kind;
}

/* The row's kind is the first that its numbers tell. */
static uint32_t begin_row(const nsky_sim_embeddings *e, uint64_t row, nsky_rng *rng)
{
    *rng = nsky_rng_at(e->seed, STREAM_ROW + (uint32_t)(row >> 32), (uint32_t)row);
    return kind_at(e, nsky_rng_uniform(rng));
}

uint32_t nsky_sim_embeddings_kind(const nsky_sim_embeddings *e, uint64_t row)
{
    nsky_rng rng;
    assert(e && row < 2 * NSKY_SIM_EMBEDDING_QUERIES);
    return begin_row(e, row, &rng);
}

/* Axes behind the first LATENT follow these (products of two: variance 1, no correlation) but for
 * some noise: a curved sheet of few dimensions that fills many, as embeddings do. */
static void curve(const nsky_sim_embeddings *e, float *x)
{
    const float follows = (float)sqrt(CURVED), own = (float)sqrt(1 - CURVED);
    for (uint32_t d = 1 + LATENT; d < e->dim; d++) {
        const uint8_t *pair = e->pairs + 2 * (size_t)d;
        x[d] = follows * x[pair[0]] * x[pair[1]] + own * x[d];
    }
}

void nsky_sim_embeddings_fill(const nsky_sim_embeddings *e, uint64_t first, uint64_t count,
                              float *out)
{
    assert(e && (out || count == 0) && first + count <= 2 * NSKY_SIM_EMBEDDING_QUERIES);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t row = first + i;
        float *x = out + i * e->dim;
        nsky_rng rng;
        const uint32_t kind = begin_row(e, row, &rng);
        const uint32_t cloud = nsky_rng_below(&rng, CLOUDS);
        const float width = (float)exp(WIDTH_OF_ROW * nsky_rng_normal(&rng));
        const float *centre = e->centres + ((size_t)kind * CLOUDS + cloud) * e->dim;
        const float *widths = e->widths + (size_t)kind * e->dim;
        nsky_rng_fill_normal(&rng, x, e->dim);
        curve(e, x);
        double square = 0;
        for (uint32_t d = 0; d < e->dim; d++) {
            x[d] = centre[d] + width * widths[d] * x[d];
            square += (double)x[d] * x[d];
        }
        const float scale = (float)(1.0 / sqrt(square));
        for (uint32_t d = 0; d < e->dim; d++)
            x[d] *= scale;
        turn(e, x);
    }
}

/* neighbour_check.c - embeddings of labelled objects by the encoder that will run the model, and
 * what their ten nearest others are called. Thread rule: see probe.h. */
#include "encoder/train/neighbour_check.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"

#define NEIGHBOURS 10u

struct nsky_neighbour_check {
    uint32_t rows, classes, size;
    uint32_t *labels; /* [rows] */
    float *images;    /* [rows, 3, size, size] */
};

static nsky_status read_images(nsky_neighbour_check *p, nsky_loader *loader,
                               const nsky_train_labels *labels, const uint32_t *classes,
                               nsky_error *err)
{
    size_t pixels = (size_t)3 * p->size * p->size;

    if (!(p->labels = nsky_alloc(p->rows, sizeof *p->labels, err)) ||
        !(p->images = nsky_alloc_aligned(p->rows, pixels * sizeof(float), err)))
        return NSKY_ENOMEM;
    for (uint32_t i = 0; i < p->rows; i++) {
        uint64_t which = labels->count * i / p->rows;
        nsky_status status =
            nsky_loader_plain(loader, labels->labels[which].row, p->images + i * pixels, err);
        if (status != NSKY_OK)
            return status;
        p->labels[i] = classes[which];
    }
    return NSKY_OK;
}

nsky_status nsky_neighbour_check_new(nsky_neighbour_check **out, nsky_loader *loader,
                                     const nsky_train_labels *labels, nsky_error *err)
{
    assert(out && loader && labels && err);
    nsky_neighbour_check *p = nsky_alloc_zero(1, sizeof *p, err);
    uint32_t *classes = NULL;
    const char **names = NULL;
    nsky_status status = NSKY_ENOMEM;

    *out = NULL;
    if (!p ||
        (status = nsky_train_labels_classes(labels, &classes, &names, &p->classes, err)) != NSKY_OK)
        goto done;
    p->size = nsky_loader_how(loader)->preprocess.size;
    p->rows = labels->count < NSKY_CHECK_ROWS_MAX ? (uint32_t)labels->count : NSKY_CHECK_ROWS_MAX;
    if (p->rows <= NEIGHBOURS || p->classes < 2) {
        status = nsky_fail(err, NSKY_EINVAL,
                           "%u labelled objects of %u classes: a probe takes more than %u, and two "
                           "classes",
                           p->rows, p->classes, NEIGHBOURS);
        goto done;
    }
    if ((status = read_images(p, loader, labels, classes, err)) != NSKY_OK)
        goto done;
    *out = p;
    p = NULL;
done:
    nsky_free(classes);
    nsky_free(names);
    nsky_neighbour_check_free(p);
    return status;
}

void nsky_neighbour_check_free(nsky_neighbour_check *p)
{
    if (!p)
        return;
    nsky_free(p->labels);
    nsky_free(p->images);
    nsky_free(p);
}

typedef struct hit {
    float cosine;
    uint32_t row;
} hit;

/* The nearest others of a row, best first; of equals the earlier. */
static void nearest(const nsky_neighbour_check *p, const float *vectors, uint32_t dim, uint32_t row,
                    hit out[NEIGHBOURS])
{
    const float *mine = vectors + (size_t)row * dim;
    uint32_t kept = 0;

    for (uint32_t other = 0; other < p->rows; other++) {
        const float *theirs = vectors + (size_t)other * dim;
        float sums[8] = {0}, cosine = 0;
        if (other == row)
            continue;
        for (uint32_t d = 0; d < dim; d++)
            sums[d % 8] += mine[d] * theirs[d];
        for (uint32_t k = 0; k < 8; k++)
            cosine += sums[k];
        if (kept == NEIGHBOURS && !(cosine > out[kept - 1].cosine))
            continue;
        uint32_t at = kept < NEIGHBOURS ? kept++ : kept - 1;
        for (; at > 0 && cosine > out[at - 1].cosine; at--)
            out[at] = out[at - 1];
        out[at] = (hit){cosine, other};
    }
}

/* The class most of the neighbours are of; of equals the one that comes first among them. */
static uint32_t vote(const nsky_neighbour_check *p, const hit hits[NEIGHBOURS])
{
    uint32_t best = 0, most = 0;

    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        uint32_t votes = 0, label = p->labels[hits[i].row];
        for (uint32_t k = 0; k < NEIGHBOURS; k++)
            votes += p->labels[hits[k].row] == label;
        if (votes > most) {
            most = votes;
            best = label;
        }
    }
    return best;
}

static nsky_status judge(const nsky_neighbour_check *p, const float *vectors, uint32_t dim,
                         nsky_neighbour_check_result *result, nsky_error *err)
{
    double *shares = nsky_alloc_zero(p->classes, sizeof *shares, err);
    uint32_t *counts = nsky_alloc_zero(p->classes, sizeof *counts, err), correct = 0, seen = 0;

    if (shares && counts) {
        for (uint32_t row = 0; row < p->rows; row++) {
            uint32_t label = p->labels[row], same = 0;
            hit hits[NEIGHBOURS] = {0};
            nearest(p, vectors, dim, row, hits);
            for (uint32_t i = 0; i < NEIGHBOURS; i++)
                same += p->labels[hits[i].row] == label;
            shares[label] += (double)same / NEIGHBOURS;
            counts[label]++;
            correct += vote(p, hits) == label;
        }
        *result = (nsky_neighbour_check_result){p->rows, p->classes, (double)correct / p->rows, 0};
        for (uint32_t c = 0; c < p->classes; c++)
            if (counts[c] > 0) { /* thinning may have lost a rare class */
                result->precision_at_10 += shares[c] / counts[c];
                seen++;
            }
        result->precision_at_10 /= seen;
    }
    nsky_status status = shares && counts ? NSKY_OK : NSKY_ENOMEM;
    nsky_free(shares);
    nsky_free(counts);
    return status;
}

nsky_status nsky_neighbour_check_run(nsky_neighbour_check *p, const nsky_model *model,
                                     const nsky_encoder_options *how,
                                     nsky_neighbour_check_result *result, nsky_error *err)
{
    assert(p && model && how && result && err);
    nsky_encoder *encoder = NULL;
    float *vectors = NULL;
    nsky_status status = nsky_encoder_open(&encoder, model, how, err);

    if (status != NSKY_OK)
        return status;
    const nsky_tensor images = {p->images, p->rows, 3, p->size, p->size};
    uint32_t dim = nsky_encoder_dim(encoder);
    if (!(vectors = nsky_alloc_aligned(p->rows, dim * sizeof(float), err)))
        status = NSKY_ENOMEM;
    if (status == NSKY_OK)
        status = nsky_encoder_embed(encoder, &images, vectors, err);
    if (status == NSKY_OK)
        status = judge(p, vectors, dim, result, err);
    nsky_free(vectors);
    nsky_encoder_close(encoder);
    return status;
}

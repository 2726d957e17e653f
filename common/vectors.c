/* vectors.c - see vectors.h. The sum of squares is of whole numbers and every other step is of one
 * number at a time, so the bits do not depend on the width of the machine's registers. */
#include "common/vectors.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/half.h"

#define LARGEST 127

#if defined(__x86_64__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

static const char *const names[] = {"float16", "int8"};

const char *nsky_vector_type_name(nsky_vector_type type)
{
    return names[type];
}

const char *nsky_vector_file_name(nsky_vector_type type)
{
    return type == NSKY_VECTOR_INT8 ? "vectors.i8" : "vectors.f16";
}

bool nsky_vector_type_parse(nsky_vector_type *out, const char *name)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (nsky_vector_type)i;
            return true;
        }
    return false;
}

size_t nsky_vector_bytes(nsky_vector_type type, uint32_t dim)
{
    return type == NSKY_VECTOR_INT8 ? dim : (size_t)dim * sizeof(uint16_t);
}

/* 65,536 squares of -128 fit. */
WIDE static int32_t sum_of_squares(const int8_t *row, uint32_t dim)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += row[i] * row[i];
    return sum;
}

WIDE static void scale_row(const int8_t *restrict row, uint32_t dim, float factor,
                           float *restrict out)
{
    for (uint32_t i = 0; i < dim; i++)
        out[i] = (float)row[i] * factor;
}

void nsky_vector_decode(nsky_vector_type type, const void *row, uint32_t dim, float *out)
{
    if (type == NSKY_VECTOR_FLOAT16) {
        nsky_half_to_floats(out, row, dim);
        return;
    }
    const int32_t square = sum_of_squares(row, dim);
    scale_row(row, dim, square > 0 ? 1 / sqrtf((float)square) : 0, out);
}

/* What makes the largest number 127. */
static float factor_of(const float *x, uint32_t dim)
{
    float largest = 0;

    for (uint32_t i = 0; i < dim; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    const float factor = largest > 0 ? LARGEST / largest : 0;
    assert(isfinite(factor));
    return factor;
}

void nsky_vector_encode(nsky_vector_type type, const float *x, uint32_t dim, void *row)
{
    int8_t *out = row;

    if (type == NSKY_VECTOR_FLOAT16) {
        nsky_half_from_floats(row, x, dim);
        return;
    }
    const float factor = factor_of(x, dim);
    for (uint32_t i = 0; i < dim; i++)
        out[i] = (int8_t)lrintf(x[i] * factor);
}

void nsky_vector_round(nsky_vector_type type, float *x, uint32_t dim)
{
    const float factor = type == NSKY_VECTOR_INT8 ? factor_of(x, dim) : 0;
    int32_t square = 0;

    for (uint32_t i = 0; i < dim; i++) {
        x[i] = type == NSKY_VECTOR_INT8 ? (float)lrintf(x[i] * factor) /* no minus zero */
                                        : nsky_half_to_float(nsky_half_from_float(x[i]));
        square += type == NSKY_VECTOR_INT8 ? (int32_t)(x[i] * x[i]) : 0;
    }
    for (uint32_t i = 0; i < dim && square > 0; i++)
        x[i] *= 1 / sqrtf((float)square);
}

bool nsky_vectors_will_need(const nsky_vectors *vectors, uint64_t first, uint64_t end)
{
    assert(vectors && first <= end && end <= vectors->rows);
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)nsky_vectors_row(vectors, first) / page * page;

    return madvise((void *)begin, (uintptr_t)nsky_vectors_row(vectors, end) - begin,
                   MADV_WILLNEED) == 0;
}

bool nsky_vector_is_blank(nsky_vector_type type, const void *row, uint32_t dim)
{
    const uint16_t *halves = row;
    const int8_t *numbers = row;

    for (uint32_t i = 0; i < dim; i++)
        if (type == NSKY_VECTOR_FLOAT16 ? halves[i] & 0x7fff /* either zero */ : numbers[i])
            return false;
    return true;
}

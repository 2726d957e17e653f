/* linalg.c - see linalg.h: OpenBLAS and the LAPACK inside it. Thread rule: any thread. */
#include "algebra/linalg.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"

/* LAPACK as OpenBLAS carries it; Debian's OpenBLAS has no C header for it. Character arguments come
 * with hidden lengths. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dsyevd_(const char *job, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t,
             size_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next two */
static uint32_t alone;
static int threads_before;

void nsky_blas_alone(void)
{
    pthread_mutex_lock(&lock);
    if (alone++ == 0) {
        threads_before = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&lock);
}

void nsky_blas_again(void)
{
    pthread_mutex_lock(&lock);
    if (--alone == 0)
        openblas_set_num_threads(threads_before);
    pthread_mutex_unlock(&lock);
}

static void mirror(double *a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i + 1; j < n; j++)
            a[(size_t)j * n + i] = a[(size_t)i * n + j];
}

void nsky_gram(double *out, const double *a, uint32_t m, uint32_t k)
{
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)m, (int)k, 1, a, (int)k, 0, out,
                (int)m);
    mirror(out, m);
}

void nsky_gram_columns(double *out, const double *a, uint32_t m, uint32_t k)
{
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)k, (int)m, 1, a, (int)k, 0, out,
                (int)k);
    mirror(out, k);
}

void nsky_multiply(double *out, const double *a, const double *b, uint32_t m, uint32_t k,
                   uint32_t n)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b,
                (int)n, 0, out, (int)n);
}

void nsky_multiply_transposed(double *out, const double *a, const double *b, uint32_t m, uint32_t k,
                              uint32_t n)
{
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)k, (int)n, (int)m, 1, a, (int)k, b,
                (int)n, 0, out, (int)n);
}

/* Row-major upper is column-major lower: a = U^T U with U upper, row-major. */
static bool cholesky(double *a, uint32_t n)
{
    int size = (int)n, info = 0;

    dpotrf_("L", &size, a, &size, &info, 1);
    return info == 0;
}

bool nsky_solve_positive(double *a, double *b, uint32_t n, uint32_t count)
{
    if (!cholesky(a, n))
        return false;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (int)n, (int)count,
                1, a, (int)n, b, (int)count);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int)n,
                (int)count, 1, a, (int)n, b, (int)count);
    return true;
}

/* Cholesky QR, twice: once leaves the columns orthogonal to the square root of the precision. */
bool nsky_orthonormalise(double *a, double *gram, uint32_t m, uint32_t k)
{
    for (int pass = 0; pass < 2; pass++) {
        double trace = 0;
        nsky_gram_columns(gram, a, m, k);
        for (uint32_t i = 0; i < k; i++)
            trace += gram[(size_t)i * k + i];
        for (uint32_t i = 0; i < k && pass == 0; i++) /* columns may depend on each other */
            gram[(size_t)i * k + i] += 1e-14 * trace;
        if (!cholesky(gram, k))
            return false;
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)m,
                    (int)k, 1, gram, (int)k, a, (int)k);
    }
    return true;
}

nsky_status nsky_eigen(double *a, double *values, uint32_t n, nsky_error *err)
{
    int size = (int)n, info = 0, work_size = -1, integers_size = -1, integers_wanted = 0;
    double work_wanted = 0;

    if (n == 0)
        return NSKY_OK;
    dsyevd_("V", "L", &size, a, &size, values, &work_wanted, &work_size, &integers_wanted,
            &integers_size, &info, 1, 1);
    work_size = (int)work_wanted;
    integers_size = integers_wanted;
    double *work = nsky_alloc((size_t)work_size, sizeof *work, err);
    int *integers = nsky_alloc((size_t)integers_size, sizeof *integers, err);
    nsky_status status = work && integers ? NSKY_OK : err->status;
    if (status == NSKY_OK) {
        dsyevd_("V", "L", &size, a, &size, values, work, &work_size, integers, &integers_size,
                &info, 1, 1);
        if (info != 0)
            status = nsky_fail(err, NSKY_EDATA, "the vectors have no spectrum (%u x %u)", n, n);
    }
    nsky_free(work);
    nsky_free(integers);
    return status;
}

void nsky_multiply_floats(float *out, const float *a, const float *b, uint32_t m, uint32_t k,
                          uint32_t n)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b,
                (int)k, 0, out, (int)n);
}

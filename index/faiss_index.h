/* faiss_index.h - private: candidates from FAISS. faiss_index.c alone includes its C API.
 *
 * FAISS keeps its last error in a thread-local: it is copied into nsky_error at once.
 * Thread rule: any number of threads may search one index; building belongs to one thread.
 */
#ifndef NSKY_FAISS_INDEX_H
#define NSKY_FAISS_INDEX_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_FAISS_FILE "index.faiss"

typedef struct nsky_faiss nsky_faiss;

/* An empty index by factory string; L2 metric, which orders unit vectors as the cosine does. */
NSKY_MUST_CHECK nsky_status nsky_faiss_new(nsky_faiss **out, uint32_t dim, const char *factory,
                                           nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_faiss_read(nsky_faiss **out, const char *path, uint32_t dim,
                                            uint64_t rows, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_faiss_write(const nsky_faiss *index, const char *path,
                                             nsky_error *err);
/* vectors [count, dim] float32 */
NSKY_MUST_CHECK nsky_status nsky_faiss_train(nsky_faiss *index, const float *vectors,
                                             uint64_t count, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_faiss_add(nsky_faiss *index, const float *vectors, uint64_t count,
                                           nsky_error *err);
/* A search-time knob by FAISS's name: "nprobe", "quantizer_efSearch". */
NSKY_MUST_CHECK nsky_status nsky_faiss_set(nsky_faiss *index, const char *name, double value,
                                           nsky_error *err);
/* rows [count, k]: nearest first, -1 where there are no more. */
NSKY_MUST_CHECK nsky_status nsky_faiss_search(const nsky_faiss *index, const float *queries,
                                              uint64_t count, uint64_t k, int64_t *rows,
                                              nsky_error *err);
void nsky_faiss_free(nsky_faiss *index);

#endif

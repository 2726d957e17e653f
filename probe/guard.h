/* guard.h - a guard against artefacts: a probe that lies beside a model, and the probability that
 * it gives an object of being a trail, a ghost or a damaged image instead of a galaxy.
 *
 * MODEL.artefact.json beside MODEL.safetensors; in a store, models/<16 hex of the model's
 * SHA-256>.artefact.json. Two classes, calibrated, of this model. A guard never stands in the way:
 * one that is damaged or of another model is named in the log, and passed over.
 * Thread rule: read-only after opening, any thread.
 */
#ifndef NSKY_PROBE_GUARD_H
#define NSKY_PROBE_GUARD_H

#include "index/search.h"
#include "probe/probe.h"

#define NSKY_GUARD_SUFFIX ".artefact.json"
#define NSKY_GUARD_BYTES_MAX ((size_t)4 << 20)

/* The guard of the vectors that search has; *out NULL: none that can be used. */
NSKY_MUST_CHECK nsky_status nsky_guard_open(nsky_probe **out, const char *store,
                                            const nsky_search *search, nsky_error *err);
/* out [count]: probabilities of these rows. NaN: guard is NULL, or the row has no vector. */
NSKY_MUST_CHECK nsky_status nsky_guard_rows(double *out, const nsky_probe *guard,
                                            const nsky_search *search, const uint64_t *rows,
                                            uint32_t count, nsky_error *err);
/* Of one vector [dim]; NaN: guard is NULL. */
double nsky_guard_probability(const nsky_probe *guard, const float *vector);
/* Copies the guard that lies beside model_path, where one does and it is of this model, into the
 * store. */
NSKY_MUST_CHECK nsky_status nsky_guard_keep(const char *store, const char *model_path,
                                            const char *model_sha256, nsky_error *err);
/* Every guard of a store is whole and of the model in its name; *problems is added to. */
NSKY_MUST_CHECK nsky_status nsky_guard_verify(const char *store,
                                              void (*problem)(const char *text, void *payload),
                                              void *payload, uint64_t *problems, nsky_error *err);

#endif

/* verify.h (private) - what the parts of verify share. Thread rule: one thread. */
#ifndef NSKY_STORE_VERIFY_H
#define NSKY_STORE_VERIFY_H

#include "store/survey_private.h"

typedef struct nsky_verify {
    const char *store;
    void (*problem)(const char *text, void *payload);
    void *payload;
    uint64_t problems;
    uint64_t rows; /* of the catalogue; UINT64_MAX: it cannot be read */
} nsky_verify;

void nsky_verify_say(nsky_verify *verify, const char *format, ...) NSKY_PRINTF(2, 3);
/* Turns bad data into a problem and NSKY_OK; what stops verify itself stays. */
nsky_status nsky_verify_note(nsky_verify *verify, nsky_status status, const nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_verify_catalogue(nsky_verify *verify, nsky_survey *survey,
                                                  nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_verify_stamps(nsky_verify *verify, nsky_survey *survey,
                                               nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_verify_generation(nsky_verify *verify, uint32_t number,
                                                   nsky_error *err);

#endif

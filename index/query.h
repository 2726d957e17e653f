/* query.h - private: how a query is answered. */
#ifndef NSKY_QUERY_H
#define NSKY_QUERY_H

#include "index/search_private.h"

typedef enum nsky_way {
    NSKY_WAY_SCAN,   /* every vector, several queries in one pass */
    NSKY_WAY_GATHER, /* the rows that match, and no others */
    NSKY_WAY_INDEX
} nsky_way;

/* A query being answered; arrays are in a block of its company's. */
typedef struct nsky_ask {
    const nsky_query *query;
    nsky_answer *answer;
    const float *direction; /* [padded], unit length */
    nsky_allowed allowed;   /* matching is without excluded rows; bits, where they are out */
    bool out;               /* they are */
    nsky_topk topk;         /* of the answer's hits */
    nsky_way way;
} nsky_ask;

/* Unit length, padded with zeros; NSKY_EINVAL names the query. */
NSKY_MUST_CHECK nsky_status nsky_query_direction(const nsky_query *query, uint32_t number,
                                                 uint32_t dim, float *direction, nsky_error *err);
/* Sets way and the answer's why. */
void nsky_ask_choose(const nsky_search *search, nsky_ask *ask);
/* Takes the excluded rows out of the bits. */
NSKY_MUST_CHECK nsky_status nsky_ask_exclude(const nsky_search *search, nsky_ask *ask,
                                             nsky_error *err);
/* The hits as they are answered. */
void nsky_ask_finish(nsky_ask *ask);

/* query_index.c: those that go by the index; sorts asks [count]. */
NSKY_MUST_CHECK nsky_status nsky_query_by_index(const nsky_search *search, nsky_ask **asks,
                                                uint32_t count, nsky_error *err);

#endif

/* rank_pass.h - for index/ and the benchmark: one pass over the codes of all rows, with several
 * probes, that finds every row which may be among a probe's k best.
 *
 * A row's score by its codes is off by at most
 *     bound = |w'| coded_slack + outside * rest_slack          (lists.h, Cauchy-Schwarz)
 * and by at most `reach` of it, 0 < reach <= 1, if errors are as they were in a sample. The pass
 * keeps the k largest of score - reach * bound as it goes; a row whose score + reach * bound falls
 * short of the least of these cannot be among the k best.
 * Thread rule: a pass is one caller's; the lists may be shared.
 */
#ifndef NSKY_RANK_PASS_H
#define NSKY_RANK_PASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "index/lists.h"
#include "index/reservoir.h"

#define NSKY_PASS_PROBES_MAX 16
#define NSKY_PASS_KEPT_MAX (1u << 21)   /* candidates that a thread keeps of a probe */
#define NSKY_PASS_WITHIN_MAX (1u << 19) /* so many are counted */

/* A probe in the lists' space. */
typedef struct nsky_pass_probe {
    nsky_code_query query;
    const float *turned;    /* [coded] */
    float constant;         /* w.mean + bias */
    float inside, outside;  /* |turned|, and the length of w that it does not hold */
    float rounding;         /* of the sweep, of the exact scorer, of the bounds themselves */
    float reach;            /* (0, 1] */
    const uint8_t *allowed; /* bitmap of rows, or NULL: all */
    uint32_t k;
    float least; /* known: k rows score no less; -infinity: nothing is known */
    bool fixed;  /* `least` does not rise: all rows that may reach it are wanted */
} nsky_pass_probe;

typedef struct nsky_pass_candidate {
    float score, bound;
    uint32_t row;
} nsky_pass_candidate;

/* What one thread found for one probe. */
typedef struct nsky_pass_find {
    nsky_pass_candidate *items; /* owned */
    uint32_t count, capacity;
    nsky_reservoir lows; /* score - reach * bound of the best; keys owned */
    bool overflow;       /* there were more than NSKY_PASS_KEPT_MAX: the find is not whole */
    bool starved;        /* no memory to keep more */
} nsky_pass_find;

/* Largest slacks of a list's rows. */
typedef struct nsky_pass_slack {
    float coded, rest;
} nsky_pass_slack;

typedef struct nsky_pass {
    const nsky_lists *lists;
    const nsky_pass_slack *slacks; /* [lists] */
    nsky_code_kernel kernel;       /* zeroed: the best */
    uint32_t threads;              /* 0: one a core */
    nsky_pass_probe *probes;       /* [count]; all queries of one plane count */
    uint32_t count;
    /* set by the pass */
    float *bases;                 /* [lists, count] */
    nsky_pass_find *finds;        /* [threads, count] */
    float *scores;                /* [threads, NSKY_PASS_SCORES(count)] */
    atomic_uint_fast32_t *floors; /* [count] keys of the largest `least` of any thread */
    uint64_t *within; /* [threads, count] rows that may reach the seed, by the whole bound */
    uint32_t of;      /* probe that is seeded */
    uint32_t *order;  /* its lists */
} nsky_pass;

/* Largest slacks of every list: reads all of them once. out [lists]. */
void nsky_pass_slacks(const nsky_lists *lists, uint32_t threads, nsky_pass_slack *out);

/*
 * Memory, and each list's part of the score. Fill in lists to count first. After a failure close.
 */
NSKY_MUST_CHECK nsky_status nsky_pass_open(nsky_pass *pass, nsky_error *err);
void nsky_pass_close(nsky_pass *pass);
/* Sets `least` of each probe by what its most promising lists hold. */
void nsky_pass_seed(nsky_pass *pass);
/*
 * Every row against every probe. Then find f of thread t for probe q is finds[t * count + q]:
 * together they hold every row with score + reach * bound + rounding >= nsky_pass_least, and a few
 * more; which more depends on the threads.
 */
void nsky_pass_run(nsky_pass *pass);
/* The k-th largest lower bound; the same for any number of threads. -infinity: fewer than k rows.
 */
NSKY_MUST_CHECK nsky_status nsky_pass_least(const nsky_pass *pass, uint32_t probe, float *out,
                                            nsky_error *err);
/* Rows that may reach the seed by Cauchy-Schwarz, and a few more, the same for any number of
 * threads as long as it is not above NSKY_PASS_WITHIN_MAX; UINT64_MAX: there was no seed. */
uint64_t nsky_pass_within(const nsky_pass *pass, uint32_t probe);

#endif

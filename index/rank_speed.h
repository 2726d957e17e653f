/* rank_speed.h - for `nearsky bench scan`: how fast all rows are ranked by their codes, and how
 * fast this machine reads memory, by turns. Made-up codes in lists of about 1,160 rows; from a
 * probe's weights to the candidates that remain to be scored exactly. One caller at a time.
 */
#ifndef NSKY_RANK_SPEED_H
#define NSKY_RANK_SPEED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_SPEED_COUNTS_MAX 8
#define NSKY_SPEED_ROUNDS_MAX 1000

typedef struct nsky_rank_speed_options {
    uint64_t rows;
    uint32_t coded, bits;
    uint32_t k;
    uint32_t threads;                       /* 0: one a core */
    const char *kernel;                     /* NULL: the best */
    uint32_t planes;                        /* 0: as ranking chooses */
    bool huge_pages;                        /* a mapped file has small ones */
    uint32_t rounds;                        /* 1..NSKY_SPEED_ROUNDS_MAX */
    uint32_t counts[NSKY_SPEED_COUNTS_MAX]; /* probes at once, each measured; 0 ends them */
} nsky_rank_speed_options;

/* Of one number of probes. */
typedef struct nsky_rank_speed {
    uint32_t probes, planes;
    double rank_s, rank_best_s; /* a pass: median and best of the rounds */
    double stream_s;            /* reading the same codes: median */
    double fraction;            /* median of stream over rank, each round with its own stream */
    double cpu_fraction;        /* the same of the cores' time: what neighbours leave in place */
    double candidates;          /* left for one probe */
} nsky_rank_speed;

typedef struct nsky_rank_speeds {
    nsky_rank_speed of[NSKY_SPEED_COUNTS_MAX];
    uint32_t count;
    uint64_t code_bytes;
    uint32_t threads;
    const char *kernel;
} nsky_rank_speeds;

/* NSKY_EINVAL, NSKY_ENOMEM, NSKY_ENOTFOUND: no such kernel here. */
NSKY_MUST_CHECK nsky_status nsky_rank_speed_measure(const nsky_rank_speed_options *options,
                                                    nsky_rank_speeds *out, nsky_error *err);

#endif

/* lists_widen.h - private: how many lists a filter makes necessary.
 *
 * The nearest of the rows that a filter lets through lie farther off, by how much depends on where
 * they lie: a filter may go with the vectors (a type, a colour), and then the lists about the query
 * are full of matches or have none, whatever the share of all rows. So a query goes through its
 * lists, best first, and each counts by the matches in it:
 *
 *     worth = part^p min(1, part / share)^(3/4)
 *
 * part: of its rows, those that match; p = 1/8, or 3/16 where fewer than 12 lists or more than 100
 * candidates are asked for. It ends when the worth of the lists seen, L of them, of which R are
 * poor (part < share / 3), is
 *
 *     nprobe min(12, sqrt(L / nprobe) + R / nprobe)
 *
 * and 3 matches have been seen for each candidate that is wanted. For a filter that goes with
 * nothing (part = share) the former is nprobe / share^(2 p) lists. A query far from the matches
 * gets lists until it has met some dense with them, the more of them the farther they are.
 * docs/index.md says what was measured. Roots only, which every CPU rounds alike. Thread rule: one
 * owner at a time.
 */
#ifndef NSKY_LISTS_WIDEN_H
#define NSKY_LISTS_WIDEN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nsky_widening {
    double wanted;                /* lists, where every row is allowed */
    double share;                 /* of all rows that are allowed */
    double fill;                  /* of all slots that hold a row */
    double worth;                 /* of the lists seen */
    bool steep;                   /* the larger power */
    uint32_t poor;                /* lists seen with few matches */
    uint64_t left;                /* matches to be seen at least */
    uint32_t seen, step, in_step; /* lists; parts are of a few together: single ones are noisy */
    uint64_t slots, matches;      /* of the step under way */
} nsky_widening;

/* nprobe >= 1; share and fill in (0, 1]; want: candidates. */
void nsky_widening_init(nsky_widening *widening, uint32_t nprobe, uint32_t want, double share,
                        double fill);
/* One more list; true: it was the last that is needed. */
bool nsky_widening_enough(nsky_widening *widening, uint64_t slots, uint64_t matches);
/* About as many lists as a filter of this share that goes with nothing needs, and some more. */
uint32_t nsky_widening_guess(const nsky_widening *widening);

#endif

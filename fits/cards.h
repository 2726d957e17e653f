/* cards.h (private) - the 80-byte cards of one header, read without trusting anything.
 * Thread rule: plain data borrowed from the file's bytes. */
#ifndef NSKY_FITS_CARDS_H
#define NSKY_FITS_CARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NSKY_CARD_BYTES 80
#define NSKY_FITS_BLOCK_BYTES 2880

typedef struct nsky_cards {
    const char *text; /* count cards, END not among them; not terminated */
    uint32_t count;
} nsky_cards;

/* Finds END in the first `bytes` of data. false: there is none. */
bool nsky_cards_read(nsky_cards *out, const char *data, size_t bytes);

/* Keywords are at most 8 characters here; the first card that has it, or NULL. */
const char *nsky_cards_find(const nsky_cards *cards, const char *key);
const char *nsky_cards_at(const nsky_cards *cards, uint32_t index);
bool nsky_card_is(const char *card, const char *key);

/* Values of fixed or free format. false: of another type, or not there (card NULL is allowed). */
bool nsky_card_integer(const char *card, int64_t *out);
bool nsky_card_double(const char *card, double *out); /* finite; D exponents are understood */
bool nsky_card_true(const char *card);
bool nsky_card_string(const char *card, char *out, size_t bytes); /* trailing blanks removed */

/* Shorthands: find and read. */
bool nsky_cards_integer(const nsky_cards *cards, const char *key, int64_t *out);
bool nsky_cards_indexed(const nsky_cards *cards, const char *key, uint32_t index, int64_t *out);

#endif

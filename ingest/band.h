/* band.h (private) - which band something is, by its header, its file name or its folder.
 * Bands are lower-case letters: u g r i z y. */
#ifndef NSKY_INGEST_BAND_H
#define NSKY_INGEST_BAND_H

#include <stdbool.h>
#include <stddef.h>

/* "g", "r.00000", "z DECam SDSS c0004 9260.0", "HSC-G", "SDSS_i", "gp1", "r2"; 0: none of ours. */
char nsky_band_of_filter(const char *text);

/* A one-letter word of a file's stem: "B1422_231_[g]", "imageSDSS_[R]-100002", "NGC1.[z]"; the last
 * one where there are several. false: none. */
typedef struct nsky_band_word {
    char band;
    size_t at; /* index of the letter */
} nsky_band_word;
bool nsky_band_in_stem(const char *stem, size_t bytes, nsky_band_word *out);

/* Folders that hold one band: "g", "band_r", "z-band", "Band3". *band 0: the name does not say
 * which. */
bool nsky_band_is_folder(const char *name, size_t bytes, char *band);

#endif

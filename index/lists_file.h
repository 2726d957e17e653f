/* lists_file.h - private: the first bytes of lists.bin, codes.bin and rows.bin, and where lists.bin
 * has what. */
#ifndef NSKY_LISTS_FILE_H
#define NSKY_LISTS_FILE_H

#include "index/lists.h"

/* At the head of each of the three files, padded with zeros to NSKY_LISTS_HEADER. */
typedef struct nsky_lists_header {
    char magic[8]; /* of the file */
    uint64_t id;   /* the same in the three: XXH64 of the tables, with the offsets */
    uint64_t plan; /* XXH64 of what was asked for: how a build knows its own unfinished work */
    uint64_t rows, blocks;
    uint32_t dim, coded, lists, groups, bits, version;
    uint64_t checksum; /* XXH64 of what stands above */
} nsky_lists_header;

#define NSKY_LISTS_VERSION 2
extern const char nsky_lists_magic[3][8]; /* lists, codes, rows */

/* Tables of lists.bin, in this order. */
typedef enum nsky_table {
    NSKY_TABLE_LOW, /* coder: float [coded] */
    NSKY_TABLE_STEP,
    NSKY_TABLE_CENTROID_LOW, /* centroid_coder: float [coded] */
    NSKY_TABLE_CENTROID_STEP,
    NSKY_TABLE_MEAN,           /* float [padded] */
    NSKY_TABLE_ROTATION,       /* float [coded, padded] */
    NSKY_TABLE_GROUP_CENTRES,  /* float [groups, coded] */
    NSKY_TABLE_GROUP_LISTS,    /* u32 [groups + 1] */
    NSKY_TABLE_CENTROIDS,      /* float [lists, coded] */
    NSKY_TABLE_CENTROID_CODES, /* 8-bit blocks */
    NSKY_TABLE_OFFSETS,        /* u32 [lists + 1] */
    NSKY_TABLES
} nsky_table;

/* Where each table begins in lists.bin, and last its size. The header's numbers must be in bounds
 * (nsky_lists_header_check). */
void nsky_lists_layout(const nsky_lists_header *header, uint64_t begins[NSKY_TABLES + 1]);
/* Bytes of codes.bin (1) and rows.bin (2). */
uint64_t nsky_lists_file_bytes(const nsky_lists_header *header, int file);
/* Sets version and checksum. */
void nsky_lists_header_seal(nsky_lists_header *header);
/* NSKY_EDATA names path. */
NSKY_MUST_CHECK nsky_status nsky_lists_header_check(const nsky_lists_header *header,
                                                    const char magic[8], const char *path,
                                                    nsky_error *err);

#endif

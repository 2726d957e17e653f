/* schema.h (private) - the tables of catalogue.db, and every statement that touches them. */
#ifndef NSKY_STORE_SCHEMA_H
#define NSKY_STORE_SCHEMA_H

#include "store/sql.h"

#define NSKY_SCHEMA_APPLICATION 0x4E534B59 /* "NSKY" */
/* 1: nothing was ever deleted; 2: every row has a picture. A catalogue becomes what it needs. */
#define NSKY_SCHEMA_VERSION 3

extern const char *const nsky_schema;
/* To version 3, within a transaction: a table of deleted rows, and kinds counts pictures only,
 * which from then on is the writer's work. */
extern const char *const nsky_schema_bare;
extern const char *const nsky_sql_texts[SQL_STATEMENTS];

#endif

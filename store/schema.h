/* schema.h (private) - the tables of catalogue.db, and every statement that touches them. */
#ifndef NSKY_STORE_SCHEMA_H
#define NSKY_STORE_SCHEMA_H

#include "store/sql.h"

#define NSKY_SCHEMA_APPLICATION 0x4E534B59 /* "NSKY" */
#define NSKY_SCHEMA_VERSION 2              /* 1: nothing was ever deleted */

extern const char *const nsky_schema;
extern const char *const nsky_sql_texts[SQL_STATEMENTS];

#endif

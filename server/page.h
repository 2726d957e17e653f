/* page.h (private) - the built page, read into memory at the start: what is not in the list does
 * not exist, so no address can reach any other file. Thread rule: read-only once open; any thread.
 */
#ifndef NSKY_SERVER_PAGE_H
#define NSKY_SERVER_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "server/reply.h"

#define NSKY_PAGE_FILES_MAX 4096
#define NSKY_PAGE_BYTES_MAX (128u << 20)
#define NSKY_PAGE_POLICY                                                                    \
    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; " \
    "frame-ancestors 'none'"

typedef struct nsky_page nsky_page;

/* NSKY_ENOTFOUND when the folder or its index.html is not there. Links and dot-files are left out.
 */
NSKY_MUST_CHECK nsky_status nsky_page_open(nsky_page **out, const char *folder, nsky_error *err);
void nsky_page_close(nsky_page *page); /* after the last reply was sent; NULL is a no-op */

/* The file of a decoded path, "/" and addresses of the page's own routes (no dot in the last part)
 * giving index.html. false: no such file. The reply borrows its body. */
bool nsky_page_reply(const nsky_page *page, const char *path, const char *if_none_match,
                     nsky_reply *reply);

#endif

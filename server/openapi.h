/* openapi.h (private) - docs/openapi.yaml, which is written in JSON (every JSON text is YAML too)
 * so that it can be served as it is. Compiled in by CMakeLists.txt. */
#ifndef NSKY_SERVER_OPENAPI_H
#define NSKY_SERVER_OPENAPI_H

extern const char nsky_openapi[]; /* NUL-ended */

#endif

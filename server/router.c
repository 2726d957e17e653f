/* router.c - see router.h. */
#include "server/router.h"

#include <stdbool.h>
#include <string.h>

/* One path segment at a time; {...} takes any one segment that is not empty. */
static bool fits(const char *pattern, const char *path, char *captured)
{
    captured[0] = '\0';
    for (;;) {
        size_t want = strcspn(pattern + 1, "/") + 1, have = strcspn(path + 1, "/") + 1;
        if (pattern[1] == '{') {
            if (have < 2 || have > NSKY_ROUTE_CAPTURE_BYTES)
                return false;
            memcpy(captured, path + 1, have - 1);
            captured[have - 1] = '\0';
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
        if (*pattern == '\0' || *path == '\0')
            return *pattern == *path;
    }
}

nsky_match nsky_route_find(const nsky_route *routes, size_t count, const char *path,
                           uint32_t method)
{
    nsky_match match = {0};
    char captured[NSKY_ROUTE_CAPTURE_BYTES];

    for (size_t i = 0; path[0] == '/' && i < count; i++) {
        if (!fits(routes[i].pattern, path, captured))
            continue;
        match.allowed |= routes[i].methods;
        if (!match.route && (routes[i].methods & method)) {
            match.route = &routes[i];
            memcpy(match.captured, captured, sizeof captured);
        }
    }
    return match;
}

uint32_t nsky_method_of(const char *method)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return NSKY_GET;
    return strcmp(method, "POST") == 0 ? NSKY_POST : 0;
}

const char *nsky_methods_text(uint32_t methods)
{
    static const char *const texts[] = {"", "GET, HEAD", "POST", "GET, HEAD, POST"};

    return texts[methods & (NSKY_GET | NSKY_POST)];
}

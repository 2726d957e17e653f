/* metrics.c - see metrics.h. */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/version.h"

#define METRICS_CONTENT_BYTES_MAX (1u << 20)

/* The last one gathers whatever is not listed. */
static const unsigned statuses[NSKY_METRICS_STATUSES] = {200, 304, 400, 404, 405, 406, 408, 409,
                                                         413, 414, 415, 422, 500, 503, 0,   1};
static const uint64_t latency_bounds_us[NSKY_METRICS_BUCKETS] = {
    250,   500,    1000,   2500,   5000,    10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};
static const uint64_t batch_bounds[NSKY_METRICS_BUCKETS] = {1,  2,  3,  4,  6,  8,   12,
                                                            16, 24, 32, 48, 64, 128, 256};

static void observe(nsky_histogram *histogram, const uint64_t *bounds, uint64_t value)
{
    uint32_t bucket = 0;

    while (bucket < NSKY_METRICS_BUCKETS && value > bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

void nsky_metrics_request(nsky_metrics *metrics, uint32_t route, unsigned status,
                          uint64_t latency_us)
{
    uint32_t s = 0;

    if (route >= NSKY_METRICS_ROUTES_MAX)
        route = NSKY_METRICS_ROUTES_MAX - 1;
    while (s < NSKY_METRICS_STATUSES - 1 && statuses[s] != status)
        s++;
    atomic_fetch_add_explicit(&metrics->requests[route][s], 1, memory_order_relaxed);
    observe(&metrics->latency_us[route], latency_bounds_us, latency_us);
}

void nsky_metrics_batch(nsky_histogram *histogram, uint32_t count)
{
    observe(histogram, batch_bounds, count);
}

static uint64_t load(atomic_uint_fast64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void print_histogram(FILE *out, const char *name, const char *label, nsky_histogram *of,
                            const uint64_t *bounds, double unit)
{
    uint64_t total = 0;
    const char *comma = label[0] ? "," : "";

    for (uint32_t b = 0; b < NSKY_METRICS_BUCKETS; b++) {
        total += load(&of->buckets[b]);
        fprintf(out, "%s_bucket{%s%sle=\"%.6g\"} %" PRIu64 "\n", name, label, comma,
                (double)bounds[b] * unit, total);
    }
    total += load(&of->buckets[NSKY_METRICS_BUCKETS]);
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, total);
    fprintf(out, "%s_sum%s%s%s %.9g\n", name, label[0] ? "{" : "", label, label[0] ? "}" : "",
            (double)load(&of->sum) * unit);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, label[0] ? "{" : "", label,
            label[0] ? "}" : "", total);
}

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_gauge(FILE *out, const char *name, const char *help, double value)
{
    print_head(out, name, "gauge", help);
    fprintf(out, "%s %.17g\n", name, value);
}

static void print_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    print_head(out, name, "counter", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void print_requests(FILE *out, nsky_metrics *metrics, const char *const *labels,
                           uint32_t route_count)
{
    char label[128];

    print_head(out, "nearsky_http_requests_total", "counter",
               "Requests answered; status 0: the client left first.");
    for (uint32_t r = 0; r < route_count; r++)
        for (uint32_t s = 0; s < NSKY_METRICS_STATUSES; s++) {
            uint64_t count = load(&metrics->requests[r][s]);
            if (s < NSKY_METRICS_STATUSES - 1)
                snprintf(label, sizeof label, "%u", statuses[s]);
            else
                snprintf(label, sizeof label, "other");
            if (count > 0)
                fprintf(out,
                        "nearsky_http_requests_total{route=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                        labels[r], label, count);
        }
    print_head(out, "nearsky_http_request_duration_seconds", "histogram",
               "From the first header byte understood to the last byte sent.");
    for (uint32_t r = 0; r < route_count; r++) {
        uint64_t seen = 0;
        for (uint32_t b = 0; b <= NSKY_METRICS_BUCKETS; b++)
            seen += load(&metrics->latency_us[r].buckets[b]);
        snprintf(label, sizeof label, "route=\"%s\"", labels[r]);
        if (seen > 0)
            print_histogram(out, "nearsky_http_request_duration_seconds", label,
                            &metrics->latency_us[r], latency_bounds_us, 1e-6);
    }
}

char *nsky_metrics_print(nsky_metrics *metrics, const char *const *labels, uint32_t route_count,
                         uint32_t generation, size_t *bytes, nsky_error *err)
{
    char *text = nsky_alloc(1, METRICS_CONTENT_BYTES_MAX, err);
    FILE *out = text ? fmemopen(text, METRICS_CONTENT_BYTES_MAX, "w") : NULL;

    if (!out) {
        if (text)
            nsky_fail_errno(err, "writing the metrics");
        nsky_free(text);
        return NULL;
    }
    print_head(out, "nearsky_build_info", "gauge", "Which nearsky this is.");
    fprintf(out, "nearsky_build_info{version=\"%s\",commit=\"%s\"} 1\n", nsky_version(),
            nsky_commit());
    print_gauge(out, "nearsky_generation", "Number of the live generation.", generation);
    print_requests(out, metrics, labels, route_count);
    print_gauge(out, "nearsky_http_requests_active", "Requests under way.",
                atomic_load(&metrics->active));
    print_gauge(out, "nearsky_http_connections", "Open connections.",
                atomic_load(&metrics->connections));
    print_gauge(out, "nearsky_http_body_bytes", "Request bodies held in memory.",
                (double)atomic_load(&metrics->body_bytes));
    print_counter(out, "nearsky_http_deadlines_total", "Connections cut for taking too long.",
                  load(&metrics->deadlines));
    print_gauge(out, "nearsky_queue_length", "Requests waiting for the dispatcher or with it.",
                atomic_load(&metrics->waiting));
    print_head(out, "nearsky_search_batch_queries", "histogram", "Queries searched at once.");
    print_histogram(out, "nearsky_search_batch_queries", "", &metrics->batch_queries, batch_bounds,
                    1);
    print_head(out, "nearsky_embed_batch_images", "histogram", "Uploads embedded at once.");
    print_histogram(out, "nearsky_embed_batch_images", "", &metrics->batch_images, batch_bounds, 1);
    print_counter(out, "nearsky_reloads_total", "Generations taken up.", load(&metrics->reloads));
    print_counter(out, "nearsky_reload_failures_total", "Reloads refused.",
                  load(&metrics->reload_failures));

    long length = ftell(out);
    *bytes = length > 0 ? (size_t)length : 0;
    fclose(out);
    return text;
}

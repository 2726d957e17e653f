/* answer.c - hits to the answer of every search: catalogue columns, warnings, provenance. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "image/codec.h"
#include "index/group.h"
#include "server/api.h"
#include "server/base64.h"
#include "server/deadline.h"

#define PREVIEW_SIZE_MAX 256 /* pixels: some tens of kilobytes */
#define PREVIEW_QUALITY 85

/* Hits in the order they are shown: the best of each group, then what is close to it. */
typedef struct listed {
    nsky_object *found;          /* [hits] as they were found */
    const nsky_object **objects; /* [count] of these */
    float *similarity;           /* [count] */
    double *artefact;            /* [count] probabilities; NaN: unknown */
    uint64_t *rows;              /* [count] */
    uint32_t *leader;            /* [count] places in this list; its own: it leads a group */
    uint32_t count, groups;
    bool grouped;
} listed;

static nsky_status make_room(listed *list, uint32_t count, nsky_error *err)
{
    list->found = nsky_alloc(count, sizeof *list->found, err);
    list->objects = nsky_alloc(count, sizeof *list->objects, err);
    list->similarity = nsky_alloc(count, sizeof *list->similarity, err);
    list->artefact = nsky_alloc(count, sizeof *list->artefact, err);
    list->rows = nsky_alloc(count, sizeof *list->rows, err);
    list->leader = nsky_alloc(count, sizeof *list->leader, err);
    return list->found && list->objects && list->similarity && list->artefact && list->rows &&
                   list->leader
               ? NSKY_OK
               : err->status;
}

/* What is kept of the hits, as places among them; the groups in full. objects [job->count] */
static void group_hits(const nsky_job *job, const nsky_object *objects, listed *list,
                       uint32_t *place, uint32_t *leader)
{
    nsky_sky positions[NSKY_SEARCH_K_MAX];

    for (uint32_t i = 0; i < job->count; i++)
        positions[i] = (nsky_sky){objects[i].ra_deg, objects[i].dec_deg};
    list->groups = nsky_group_hits(positions, job->count, job->group_arcsec, leader);
    list->groups = list->groups < job->k ? list->groups : job->k;
    list->count = nsky_group_order(leader, job->count, list->groups, place);
}

/* Grouping looks at all hits, which are read once; without it only those that are shown are. */
static nsky_status list_hits(const nsky_view *view, nsky_survey *survey, const nsky_job *job,
                             listed *list, nsky_error *err)
{
    uint32_t place[NSKY_SEARCH_K_MAX], leader[NSKY_SEARCH_K_MAX], first = 0;
    nsky_status status = make_room(list, job->count, err);

    list->grouped = job->group_arcsec > 0;
    list->count = list->groups = job->count < job->k ? job->count : job->k;
    for (uint32_t i = 0; i < list->count; i++)
        place[i] = leader[i] = i;
    const uint32_t read = list->grouped ? job->count : list->count;
    for (uint32_t i = 0; i < read && status == NSKY_OK; i++)
        status = nsky_survey_by_row(survey, job->hits[i].row, &list->found[i], err);
    if (status == NSKY_OK && list->grouped)
        group_hits(job, list->found, list, place, leader);
    for (uint32_t i = 0; i < list->count && status == NSKY_OK; i++) {
        const nsky_hit *hit = &job->hits[place[i]];
        first = leader[place[i]] == place[i] ? i : first;
        list->leader[i] = first;
        list->rows[i] = hit->row;
        list->similarity[i] = hit->similarity;
        list->objects[i] = &list->found[place[i]];
    }
    return status == NSKY_OK ? nsky_guard_rows(list->artefact, view->guard, view->search,
                                               list->rows, list->count, err)
                             : status;
}

static void clear_list(listed *list)
{
    nsky_free(list->found);
    nsky_free(list->objects);
    nsky_free(list->similarity);
    nsky_free(list->artefact);
    nsky_free(list->rows);
    nsky_free(list->leader);
}

static nsky_status table_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const listed *list = payload;
    nsky_cell cells[NSKY_GROUPED_COLUMNS];
    nsky_status status = NSKY_OK;
    uint32_t rank = 0;

    for (uint32_t i = 0; i < list->count && status == NSKY_OK; i++) {
        char group_of[24] = "";
        rank += list->leader[i] == i;
        if (list->leader[i] != i)
            snprintf(group_of, sizeof group_of, "%" PRIu64, list->objects[list->leader[i]]->id);
        nsky_hit_cells(cells, rank, list->similarity[i], list->artefact[i], list->objects[i]);
        cells[NSKY_HIT_COLUMNS].text = group_of;
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static void reply_table(nsky_request *request, listed *list)
{
    const nsky_job *job = request->job;
    nsky_provenance provenance;
    char query[NSKY_QUERY_TEXT_BYTES];
    const nsky_fact asked[] = {
        {"positive", "NPOS", "examples of what was looked for", NSKY_FACT_INTEGER,
         .integer = job->positive_count},
        {"negative", "NNEG", "examples of what was not", NSKY_FACT_INTEGER,
         .integer = job->negative_count},
        {"upload", "UPLOAD", "name of the image sent", NSKY_FACT_TEXT, .text = job->upload_name},
    };
    const nsky_table table = {.name = "hits",
                              .description = "Objects that look like the examples given",
                              .columns = nsky_hit_columns,
                              .column_count =
                                  list->grouped ? NSKY_GROUPED_COLUMNS : NSKY_HIT_COLUMNS,
                              .rows = table_rows,
                              .payload = list,
                              .provenance = &provenance};

    nsky_request_describe(request, query, sizeof query);
    nsky_provenance_of_view(&provenance, request->view);
    provenance.method = job->method;
    provenance.scanned = job->scanned;
    provenance.query = query;
    provenance.extra = asked;
    provenance.extra_count = job->upload_name[0] ? 3 : 2;
    nsky_reply_table(&request->reply, &table, job->format);
}

static void put_hit(nsky_json *hit, const listed *list, uint32_t i)
{
    nsky_json_put_fixed(hit, "similarity", list->similarity[i], 6);
    nsky_json_put_fixed(hit, "artefact", list->artefact[i], 4);
}

/* What follows the leader of a group in the list. */
static nsky_json *json_of_duplicates(const listed *list, uint32_t leader)
{
    const nsky_object *of = list->objects[leader];
    nsky_json *duplicates = nsky_json_array();

    for (uint32_t i = leader + 1; i < list->count && list->leader[i] == leader; i++) {
        nsky_json *hit = nsky_json_of_object(list->objects[i]);
        put_hit(hit, list, i);
        nsky_json_put_id(hit, "group_of", of->id);
        nsky_json_put_fixed(hit, "separation_arcsec",
                            3600 * nsky_sky_separation_deg((nsky_sky){of->ra_deg, of->dec_deg},
                                                           (nsky_sky){list->objects[i]->ra_deg,
                                                                      list->objects[i]->dec_deg}),
                            3);
        nsky_json_append(duplicates, hit);
    }
    return duplicates;
}

static nsky_json *json_of_hits(const listed *list)
{
    nsky_json *hits = nsky_json_array();
    uint32_t rank = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        if (list->leader[i] != i)
            continue;
        nsky_json *hit = nsky_json_of_object(list->objects[i]);
        nsky_json_put_integer(hit, "rank", ++rank);
        put_hit(hit, list, i);
        if (list->grouped)
            nsky_json_put(hit, "duplicates", json_of_duplicates(list, i));
        nsky_json_append(hits, hit);
    }
    return hits;
}

static void warn_of_few(nsky_json *warnings, const nsky_job *job, const listed *list)
{
    char text[320];

    if (list->groups >= job->k)
        return;
    if (list->count > list->groups)
        snprintf(text, sizeof text,
                 "%u hits of the %u asked for: of the %u most similar, %u lie within %g arcsec of "
                 "a better one, and are listed with it",
                 list->groups, job->k, job->count, list->count - list->groups, job->group_arcsec);
    else if (nsky_filter_is_empty(&job->filter))
        snprintf(text, sizeof text, "%u hits of the %u asked for: the survey has no more objects",
                 list->groups, job->k);
    else
        snprintf(text, sizeof text,
                 "%u hits of the %u asked for: only %llu objects pass the filter; objects whose "
                 "value is unknown do not",
                 list->groups, job->k, (unsigned long long)job->matching);
    nsky_json_append_string(warnings, text);
}

static nsky_json *json_of_warnings(const nsky_request *request, const listed *list)
{
    const nsky_job *job = request->job;
    const nsky_model_info *model = request->view->model_info;
    nsky_json *warnings = nsky_json_array();
    char text[320];

    if (model->random_weights) {
        snprintf(text, sizeof text,
                 "The network %s has random weights: it was never trained, and similarity means "
                 "little. Use it to try the program, not for science.",
                 model->name);
        nsky_json_append_string(warnings, text);
    }
    if (job->upload && job->decoded.stamp->flags & NSKY_STAMP_FROM_PICTURE)
        nsky_json_append_string(warnings, "Fluxes were recovered from a stretched picture: a FITS "
                                          "cutout of the same object searches better.");
    float scale_off =
        job->upload ? job->decoded.stamp->scale_arcsec_px / model->preprocess.scale_arcsec_px : 1;
    if (job->upload && job->decoded.stamp->flags & NSKY_STAMP_FROM_PICTURE &&
        job->decoded.stamp->scale_arcsec_px < (float)NSKY_SCALE_ARCSEC_PX)
        nsky_json_append_string(warnings,
                                "The picture does not say how large its pixels are; it was "
                                "made small enough for the network to see the object in "
                                "its middle whole.");
    else if (fabsf(scale_off - 1) > 0.02f) {
        snprintf(text, sizeof text,
                 "The image has %.3f arcsec a pixel and was resampled to the network's %.3f.",
                 (double)job->decoded.stamp->scale_arcsec_px,
                 (double)model->preprocess.scale_arcsec_px);
        nsky_json_append_string(warnings, text);
    }
    warn_of_few(warnings, job, list);
    return warnings;
}

/* What the encoder was shown, as a data: address; without it the answer is still one. */
static char *preview(const nsky_stamp *stamp, nsky_error *err)
{
    nsky_picture *picture = NULL;
    void *jpeg = NULL;
    size_t bytes = 0;
    char *text = NULL;
    uint32_t side = stamp->width > stamp->height ? stamp->width : stamp->height;

    if (nsky_picture_of_stamp(&picture, stamp, side > PREVIEW_SIZE_MAX ? PREVIEW_SIZE_MAX : 0, 0,
                              &nsky_stretch_viewer, err) == NSKY_OK &&
        nsky_picture_to_jpeg(picture, PREVIEW_QUALITY, &jpeg, &bytes, err) == NSKY_OK)
        text = nsky_base64("data:image/jpeg;base64,", jpeg, bytes, err);
    nsky_free(jpeg);
    nsky_picture_free(picture);
    return text;
}

static nsky_status json_of_query(nsky_request *request, nsky_survey *survey, nsky_json **out,
                                 nsky_error *err)
{
    const nsky_job *job = request->job;
    nsky_json *query = nsky_json_object(), *json = NULL;
    nsky_object object;
    nsky_status status = NSKY_OK;

    if (job->upload) {
        char *address = preview(job->decoded.stamp, err);
        nsky_json_put(query, "upload", nsky_json_of_decoded(&job->decoded, job->upload_name));
        nsky_json_put_string(query, "preview", address);
        nsky_free(address);
    } else if (job->query_row != UINT64_MAX) {
        if ((status = nsky_survey_by_row(survey, job->query_row, &object, err)) == NSKY_OK)
            status = nsky_json_of_object_and_stamp(survey, &object, &json, err);
        nsky_json_put(query, "object", json);
    }
    nsky_json_put_integer(query, "positive", job->positive_count);
    nsky_json_put_integer(query, "negative", job->negative_count);
    nsky_json_put_integer(query, "k", job->k);
    if (status != NSKY_OK) {
        nsky_json_free(query);
        query = NULL;
    }
    *out = query;
    return status;
}

static nsky_json *json_of_stats(const nsky_request *request)
{
    nsky_json *stats = nsky_json_object();

    nsky_json_put_integer(stats, "scanned", (int64_t)request->job->scanned);
    nsky_json_put_integer(stats, "matching", (int64_t)request->job->matching);
    nsky_json_put_string(stats, "method", request->job->method);
    nsky_json_put_string(stats, "why", request->job->why);
    nsky_json_put_string(stats, "effort", nsky_effort_name(request->job->effort));
    nsky_json_put_fixed(stats, "took_ms", (double)(nsky_now_us() - request->started_us) * 1e-3, 3);
    nsky_put_provenance(stats, request->view);
    return stats;
}

void nsky_answer_search(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    listed list = {0};
    nsky_json *query = NULL;

    if (!survey)
        return;
    nsky_status status = list_hits(request->view, survey, request->job, &list, &err);
    bool json = request->job->format == NSKY_TABLE_JSON;
    if (status == NSKY_OK && json)
        status = json_of_query(request, survey, &query, &err);
    if (status != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
    } else if (!json) {
        reply_table(request, &list);
    } else {
        nsky_json *answer = nsky_json_object();
        nsky_json_put(answer, "query", query);
        nsky_json_put(answer, "hits", json_of_hits(&list));
        nsky_json_put(answer, "stats", json_of_stats(request));
        nsky_json_put(answer, "warnings", json_of_warnings(request, &list));
        nsky_reply_json(&request->reply, answer);
    }
    clear_list(&list);
}

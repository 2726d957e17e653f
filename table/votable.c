/* votable.c - tables as VOTable 1.4: the only place that includes libxml2; see table.h. */
#include <assert.h>
#include <libxml/parser.h>
#include <libxml/xmlwriter.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"
#include "table/format.h"

#define XML(text) ((const xmlChar *)(text))
#define COORDINATES "icrs" /* ID of the frame that positions refer to */

/* One document being written. */
typedef struct votable {
    xmlTextWriterPtr xml;
    nsky_output *out;
    nsky_cleaner *cleaner;
    bool failed;     /* a call of libxml2 did not work */
    nsky_error *err; /* of the call under way */
} votable;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static int take_bytes(void *context, const char *data, int bytes)
{
    nsky_output *out = context;

    nsky_output_put(out, data, (size_t)bytes); /* keeps its error, which libxml2 would only print */
    return bytes;
}

/* The cause where it is known: the output's, or the cleaner's; else libxml2 ran out of memory. */
static nsky_status check(const votable *v, nsky_error *err)
{
    if (nsky_output_check(v->out, err) != NSKY_OK)
        return err->status;
    if (!v->failed)
        return NSKY_OK;
    if (err->status == NSKY_OK)
        nsky_fail(err, NSKY_ENOMEM, "cannot write VOTable: out of memory");
    return err->status;
}

static void element(votable *v, const char *name)
{
    v->failed |= xmlTextWriterStartElement(v->xml, XML(name)) < 0;
}

static void end_element(votable *v)
{
    v->failed |= xmlTextWriterEndElement(v->xml) < 0;
}

/* text NULL: left out. */
static void attribute(votable *v, const char *name, const char *text)
{
    if (!text)
        return;
    if (!(text = nsky_clean_text(v->cleaner, text, NSKY_CHARSET_XML, v->err)))
        v->failed = true;
    else
        v->failed |= xmlTextWriterWriteAttribute(v->xml, XML(name), XML(text)) < 0;
}

static void content(votable *v, const char *text, nsky_charset charset)
{
    if (!(text = nsky_clean_text(v->cleaner, text, charset, v->err)))
        v->failed = true;
    else
        v->failed |= xmlTextWriterWriteString(v->xml, XML(text)) < 0;
}

static void raw(votable *v, const char *text)
{
    v->failed |= xmlTextWriterWriteRaw(v->xml, XML(text)) < 0;
}

static void info(votable *v, const char *name, const char *value)
{
    element(v, "INFO");
    attribute(v, "name", name);
    attribute(v, "value", value);
    end_element(v);
}

static void describe(votable *v, const char *text)
{
    if (!text)
        return;
    element(v, "DESCRIPTION");
    content(v, text, NSKY_CHARSET_XML);
    end_element(v);
}

/* <VOTABLE><RESOURCE type="results"> */
static nsky_status open_document(votable *v, nsky_error *err)
{
    pthread_once(&once, xmlInitParser); /* its tables are filled by whoever comes first */
    xmlOutputBufferPtr buffer = xmlOutputBufferCreateIO(take_bytes, NULL, v->out, NULL);
    if (!buffer || !(v->xml = xmlNewTextWriter(buffer))) {
        if (buffer)
            xmlOutputBufferClose(buffer);
        return nsky_fail(err, NSKY_ENOMEM, "cannot write VOTable: out of memory");
    }
    v->failed |= xmlTextWriterStartDocument(v->xml, "1.0", "UTF-8", NULL) < 0;
    v->failed |= xmlTextWriterSetIndent(v->xml, 1) < 0;
    element(v, "VOTABLE");
    attribute(v, "version", "1.4");
    attribute(v, "xmlns", "http://www.ivoa.net/xml/VOTable/v1.3"); /* 1.4 has kept the name */
    element(v, "RESOURCE");
    attribute(v, "type", "results");
    return NSKY_OK;
}

static nsky_status close_document(votable *v, nsky_error *err)
{
    v->failed |= xmlTextWriterEndDocument(v->xml) < 0;
    v->failed |= xmlTextWriterFlush(v->xml) < 0;
    nsky_output_put(v->out, "\n", 1);
    return check(v, err);
}

static void free_document(votable *v)
{
    if (v->xml)
        xmlFreeTextWriter(v->xml); /* and the buffer */
    v->xml = NULL;
}

static bool is_position(const char *ucd)
{
    return ucd && (strncmp(ucd, "pos.eq.", 7) == 0 || strncmp(ucd, "POS_EQ_", 7) == 0);
}

static void field(votable *v, const nsky_table_column *column)
{
    static const char *const types[] = {
        [NSKY_CELL_ID] = "long",          [NSKY_CELL_INTEGER] = "long",
        [NSKY_CELL_FLOAT] = "float",      [NSKY_CELL_DOUBLE] = "double",
        [NSKY_CELL_TEXT] = "unicodeChar", [NSKY_CELL_FLOATS] = "float",
    };
    char text[16];

    element(v, "FIELD");
    attribute(v, "ID", column->name);
    attribute(v, "name", column->name);
    attribute(v, "datatype",
              column->type == NSKY_CELL_TEXT && column->ascii ? "char" : types[column->type]);
    if (column->type == NSKY_CELL_TEXT) {
        attribute(v, "arraysize", "*");
    } else if (column->type == NSKY_CELL_FLOATS) {
        snprintf(text, sizeof text, "%u", column->length);
        attribute(v, "arraysize", text);
    } else if (column->type != NSKY_CELL_ID && column->type != NSKY_CELL_INTEGER &&
               column->decimals >= 0) {
        snprintf(text, sizeof text, "%d", column->decimals);
        attribute(v, "precision", text);
    }
    attribute(v, "unit", column->unit);
    attribute(v, "ucd", column->ucd);
    attribute(v, "ref", is_position(column->ucd) ? COORDINATES : NULL);
    describe(v, column->description);
    end_element(v);
}

static void facts(votable *v, const nsky_provenance *provenance)
{
    nsky_fact list[NSKY_FACTS_MAX];
    uint32_t count = nsky_provenance_facts(provenance, list);
    char number[NSKY_CELL_TEXT_BYTES];

    info(v, "QUERY_STATUS", "OK");
    for (uint32_t i = 0; i < count; i++)
        info(v, list[i].name, nsky_fact_print(number, &list[i]));
}

static void free_state(nsky_table_sink *sink)
{
    votable *v = sink->state;

    if (v)
        free_document(v);
    nsky_free(v);
}

static nsky_status begin(nsky_table_sink *sink, nsky_error *err)
{
    const nsky_table *table = sink->table;
    votable *v = nsky_alloc_zero(1, sizeof *v, err);

    if (!(sink->state = v))
        return err->status;
    v->out = sink->out;
    v->cleaner = &sink->cleaner;
    v->err = err;
    if (open_document(v, err) != NSKY_OK)
        return err->status;
    describe(v, table->description);
    facts(v, table->provenance);
    element(v, "COOSYS");
    attribute(v, "ID", COORDINATES);
    attribute(v, "system", "ICRS");
    end_element(v);
    element(v, "TABLE");
    attribute(v, "name", table->name);
    for (uint32_t i = 0; i < table->column_count; i++)
        field(v, &table->columns[i]);
    element(v, "DATA");
    element(v, "TABLEDATA");
    raw(v, "\n"); /* from here a row a line */
    v->failed |= xmlTextWriterSetIndent(v->xml, 0) < 0;
    return check(v, err);
}

static void put_floats(votable *v, const nsky_table_column *column, const float *floats)
{
    char number[NSKY_CELL_TEXT_BYTES];

    for (uint32_t i = 0; i < column->length; i++) {
        nsky_float_print(number, floats[i]);
        raw(v, i > 0 ? " " : "");
        raw(v, number[0] ? number : "NaN"); /* within an array there is no empty */
    }
}

static nsky_status put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    votable *v = sink->state;
    char number[NSKY_CELL_TEXT_BYTES];

    v->err = err;
    element(v, "TR");
    for (uint32_t i = 0; i < sink->table->column_count; i++) {
        const nsky_table_column *column = &sink->table->columns[i];
        element(v, "TD");
        if (column->type == NSKY_CELL_TEXT) {
            content(v, cells[i].text ? cells[i].text : "",
                    column->ascii ? NSKY_CHARSET_XML_ASCII : NSKY_CHARSET_XML);
        } else if (column->type == NSKY_CELL_FLOATS) {
            put_floats(v, column, cells[i].floats);
        } else {
            nsky_cell_print(number, column, &cells[i]);
            raw(v, number);
        }
        end_element(v);
    }
    end_element(v);
    raw(v, "\n");
    return check(v, err);
}

static nsky_status end(nsky_table_sink *sink, nsky_error *err)
{
    votable *v = sink->state;

    v->err = err;
    v->failed |= xmlTextWriterSetIndent(v->xml, 1) < 0;
    end_element(v); /* TABLEDATA */
    end_element(v); /* DATA */
    end_element(v); /* TABLE */
    if (sink->table->truncated)
        info(v, "QUERY_STATUS", "OVERFLOW");
    return close_document(v, err);
}

const nsky_sink_ops nsky_votable_ops = {begin, put, end, free_state};

nsky_status nsky_votable_error(const char *message, void **data, size_t *bytes, nsky_error *err)
{
    assert(message && data && bytes && err);
    nsky_output out = {.name = "memory"};
    nsky_cleaner cleaner = {NULL, 0};
    votable v = {.out = &out, .cleaner = &cleaner, .err = err};
    nsky_status status = open_document(&v, err);

    *data = NULL;
    *bytes = 0;
    if (status == NSKY_OK) {
        element(&v, "INFO");
        attribute(&v, "ID", "Error");
        attribute(&v, "name", "Error");
        attribute(&v, "value", message);
        end_element(&v);
        status = close_document(&v, err);
    }
    free_document(&v);
    nsky_cleaner_free(&cleaner);
    if (status != NSKY_OK) {
        nsky_free(out.data);
        return status;
    }
    *data = out.data;
    *bytes = out.bytes;
    return NSKY_OK;
}

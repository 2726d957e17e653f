/* test_votable.c - VOTables of others: every encoding, what is unknown, and what is hostile. What
 * astropy writes is in astropy_votable.py. */
#include "tests/common/support.h"

#include "common/file.h"
#include "table/table.h"
#include "table/votable_read.h"

#define HEAD                                             \
    "<?xml version=\"1.0\"?>\n<VOTABLE version=\"1.4\" " \
    "xmlns=\"http://www.ivoa.net/xml/VOTable/v1.3\"><RESOURCE><TABLE>"
#define TAIL "</TABLE></RESOURCE></VOTABLE>\n"
#define FIELDS                                                           \
    "<FIELD name=\"id\" datatype=\"long\"><VALUES null=\"-1\"/></FIELD>" \
    "<FIELD ID=\"label\" datatype=\"char\" arraysize=\"*\"/>"

/* All cells of a document in one string: "id|label;1|a;..." */
static nsky_status read_all(const char *text, size_t bytes, char out[4096], nsky_error *err)
{
    const char *path = in_directory("t.vot");
    nsky_votable_reader *reader = NULL;
    nsky_status status = nsky_file_write(path, text, bytes, err);
    bool more = true;
    size_t used = 0;

    if (status == NSKY_OK)
        status = nsky_votable_reader_open(&reader, path, err);
    out[0] = '\0';
    for (uint64_t row = 0; status == NSKY_OK && more; row++) {
        if (row > 0 && (status = nsky_votable_reader_next(reader, &more, err)) != NSKY_OK)
            break;
        for (uint32_t c = 0; more && c < nsky_votable_reader_columns(reader); c++)
            used += (size_t)snprintf(out + used, 4096 - used, "%s%.500s", c ? "|" : ";",
                                     row ? nsky_votable_reader_field(reader, c)
                                         : nsky_votable_reader_column(reader, c));
        assert_true(used < 4096);
        if (row > 0 && more)
            assert_int_equal(nsky_votable_reader_row(reader), row);
    }
    nsky_votable_reader_close(reader);
    return status;
}

static void tables_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cells;
    } cases[] = {
        {HEAD FIELDS "<DATA><TABLEDATA></TABLEDATA></DATA>" TAIL, ";id|label"},
        {HEAD FIELDS "<DATA><TABLEDATA>\n <TR>\n  <TD> 7\n</TD><TD>a &lt; b &amp; "
                     "&#955;<![CDATA[<x>]]></TD></TR>"
                     "<TR><TD>-1</TD><TD/></TR></TABLEDATA></DATA>" TAIL,
         ";id|label;7|a < b & \xce\xbb<x>;|"},
        /* a table without data before, another after; prefixes; a comment in a cell */
        {"<v:VOTABLE xmlns:v=\"x\"><v:RESOURCE><v:TABLE><v:FIELD name=\"a\"/></v:TABLE>"
         "<v:TABLE><v:FIELD name=\"b\"/><v:PARAM name=\"c\" value=\"3\"/><v:DATA><v:TABLEDATA>"
         "<v:TR><v:TD>1<!-- x -->2</v:TD></v:TR></v:TABLEDATA></v:DATA></v:TABLE>"
         "<v:TABLE><v:FIELD name=\"d\"/><v:DATA><v:TABLEDATA/></v:DATA></v:TABLE>"
         "</v:RESOURCE></v:VOTABLE>",
         ";b;12"},
        /* long 5, "ab"; long -1, which is null; then BINARY2 with label masked */
        {HEAD FIELDS "<DATA><BINARY><STREAM encoding=\"base64\">\nAAAAAAAAAAUAAAAC\n"
                     "YWL//////////wAAAAA=</STREAM></BINARY></DATA>" TAIL,
         ";id|label;5|ab;|"},
        {HEAD FIELDS "<DATA><BINARY2><STREAM>QAAAAAAAAAAFAAAAAA==</STREAM></BINARY2></DATA>" TAIL,
         ";id|label;5|"},
        {HEAD "<FIELD name=\"n\" datatype=\"unicodeChar\" arraysize=\"2\"/>"
              "<FIELD name=\"x\" datatype=\"short\" arraysize=\"2\"/>"
              "<FIELD name=\"f\" datatype=\"boolean\"/><DATA><BINARY><STREAM>2Dzfy//+AAdU"
              "</STREAM></BINARY></DATA>" TAIL,
         ";n|x|f;\xf0\x9f\x8f\x8b|-2 7|true"},
    };
    nsky_error err = NSKY_ERROR_INIT;
    char cells[4096];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(read_all(cases[i].text, strlen(cases[i].text), cells, &err), err);
        assert_string_equal(cells, cases[i].cells);
    }
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
        nsky_status status;
    } cases[] = {
        {"", "no sound XML", NSKY_EDATA},
        {"<html><body>Not found</body></html>", "no table", NSKY_EDATA},
        {"<a", "no sound XML", NSKY_EDATA},
        {HEAD FIELDS TAIL, "no table with data", NSKY_EDATA},
        {HEAD "<DATA><TABLEDATA/></DATA>" TAIL, "without columns", NSKY_EDATA},
        {"<VOTABLE><RESOURCE><INFO name=\"QUERY_STATUS\" value=\"ERROR\">no such column"
         "</INFO></RESOURCE></VOTABLE>",
         "an error: no such column", NSKY_EDATA},
        {HEAD FIELDS "<DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA>" TAIL,
         "row 1 has 1 cells, not 2", NSKY_EDATA},
        {HEAD FIELDS "<DATA><TABLEDATA><TR><TD>1</TD><TD>a</TD></TR><TR><TD>1</TD><TD>b</TD>"
                     "<TD>c</TD></TR></TABLEDATA></DATA>" TAIL,
         "row 2 has more than 2", NSKY_EDATA},
        {HEAD FIELDS "<DATA><TABLEDATA><TR><TD><b>1</b></TD></TR></TABLEDATA></DATA>" TAIL,
         "element b", NSKY_EDATA},
        {HEAD FIELDS "<DATA><TABLEDATA><TR><TD>1</TD>", "no sound XML", NSKY_EDATA},
        {HEAD FIELDS "<DATA><FITS><STREAM href=\"x\"/></FITS></DATA>" TAIL, "data as FITS",
         NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY2><STREAM href=\"http://127.0.0.1:9/\"/></BINARY2></DATA>" TAIL,
         "another file", NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY><STREAM>AAAA!</STREAM></BINARY></DATA>" TAIL, "no base64",
         NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY><STREAM>AAA=A</STREAM></BINARY></DATA>" TAIL, "no base64",
         NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY><STREAM>AAAAAAAAAAUAAAAC</STREAM></BINARY></DATA>" TAIL,
         "within row 1", NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY><STREAM>AAAAAAAAAAX/////</STREAM></BINARY></DATA>" TAIL,
         "label has -1 items", NSKY_EDATA},
        {HEAD FIELDS "<DATA><BINARY><STREAM>AAAAAAAAAAV/////</STREAM></BINARY></DATA>" TAIL,
         "items", NSKY_ELIMIT},
        {HEAD "<FIELD name=\"x\" datatype=\"float\" arraysize=\"2x*\"/><DATA><BINARY><STREAM/>"
              "</BINARY></DATA>" TAIL,
         "array of arrays (2x*)", NSKY_EDATA},
        {HEAD "<FIELD name=\"x\" datatype=\"float\" arraysize=\"0\"/><DATA><BINARY/></DATA>" TAIL,
         "(0)", NSKY_EDATA},
        {HEAD "<FIELD name=\"x\"/><DATA><BINARY/></DATA>" TAIL, "no known datatype", NSKY_EDATA},
        /* entities: none is known, so none grows, and no file is read */
        {"<!DOCTYPE VOTABLE [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;\">]>" HEAD FIELDS
         "<DATA><TABLEDATA><TR><TD>&b;</TD></TR></TABLEDATA></DATA>" TAIL,
         "", NSKY_EDATA},
        {"<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM \"file:///etc/hostname\">]>" HEAD FIELDS
         "<DATA><TABLEDATA><TR><TD>&a;</TD></TR></TABLEDATA></DATA>" TAIL,
         "", NSKY_EDATA},
    };
    nsky_error err = NSKY_ERROR_INIT;
    char cells[4096];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(read_all(cases[i].text, strlen(cases[i].text), cells, &err), cases[i].status,
                     err, cases[i].word);
        assert_non_null(strstr(err.text, "t.vot: "));
    }
    nsky_votable_reader *reader;
    assert_fails(nsky_votable_reader_open(&reader, in_directory("none.vot"), &err), NSKY_ENOTFOUND,
                 err, "none.vot");
}

static void what_is_large_is_refused(void **state)
{
    (void)state;
    const size_t size = (size_t)3 << 20;
    nsky_error err = NSKY_ERROR_INIT;
    char *text = malloc(size + 4096), cells[4096];
    size_t used = (size_t)sprintf(text, HEAD FIELDS "<DATA><TABLEDATA><TR><TD>");

    memset(text + used, 'x', size);
    assert_fails(read_all(text, used + size, cells, &err), NSKY_ELIMIT, err, "row 1");

    used = (size_t)sprintf(text, HEAD);
    for (int f = 0; f < 1025; f++)
        used += (size_t)sprintf(text + used, "<FIELD name=\"f%d\"/>", f);
    assert_fails(read_all(text, used, cells, &err), NSKY_ELIMIT, err, "columns");

    /* a BINARY row of a megabyte and more */
    used = (size_t)sprintf(text, HEAD "<FIELD name=\"x\" datatype=\"double\" arraysize=\"*\"/>"
                                      "<DATA><BINARY><STREAM>AAIAAAAA"); /* 2^17 doubles */
    memset(text + used, 'A', size);
    assert_fails(read_all(text, used + size, cells, &err), NSKY_ELIMIT, err, "row");
    free(text);
}

/* Cut anywhere, or with any byte changed, it is read or refused: nothing else. */
static void damage_is_harmless(void **state)
{
    (void)state;
    static const char *const whole[] = {
        HEAD FIELDS "<DATA><TABLEDATA><TR><TD>7</TD><TD>a &lt; b</TD></TR></TABLEDATA></DATA>" TAIL,
        HEAD FIELDS "<DATA><BINARY2><STREAM>QAAAAAAAAAAFAAAAAA==</STREAM></BINARY2></DATA>" TAIL,
    };
    nsky_error err = NSKY_ERROR_INIT;
    char cells[4096], text[1024];

    for (size_t w = 0; w < 2; w++) {
        size_t length = strlen(whole[w]);
        for (size_t i = 0; i < length; i++) {
            nsky_status status = read_all(whole[w], i, cells, &err);
            assert_true(status == NSKY_OK || status == NSKY_EDATA);
            memcpy(text, whole[w], length + 1);
            text[i] = (char)(text[i] ^ (1 << i % 8));
            err = (nsky_error)NSKY_ERROR_INIT;
            status = read_all(text, length, cells, &err);
            assert_true(status == NSKY_OK || status == NSKY_EDATA || status == NSKY_ELIMIT);
            err = (nsky_error)NSKY_ERROR_INIT;
        }
    }
}

/* What we write we read. */
static nsky_status one_row(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const nsky_cell cells[2] = {{.id = INT64_MAX}, {.text = payload}};
    return nsky_table_put(sink, cells, err);
}

static void our_own_comes_back(void **state)
{
    (void)state;
    static const nsky_table_column columns[] = {{.name = "id", .type = NSKY_CELL_ID},
                                                {.name = "label", .type = NSKY_CELL_TEXT}};
    const nsky_table table = {.name = "t",
                              .columns = columns,
                              .column_count = 2,
                              .rows = one_row,
                              .payload = (char[]){"x < \"y\" & \xce\xbb"}};
    nsky_error err = NSKY_ERROR_INIT;
    void *data;
    size_t bytes;
    char cells[4096];

    assert_ok(nsky_table_write_memory(&table, NSKY_TABLE_VOTABLE, &data, &bytes, &err), err);
    assert_ok(read_all(data, bytes, cells, &err), err);
    assert_string_equal(cells, ";id|label;9223372036854775807|x < \"y\" & \xce\xbb");
    nsky_free(data);
}

static nsky_status read_it(void *context, nsky_error *err)
{
    char cells[4096];
    return read_all(context, strlen(context), cells, err);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    assert_true(exhaust_memory(read_it, HEAD FIELDS "<DATA><TABLEDATA><TR><TD>7</TD><TD>a</TD></TR>"
                                                    "</TABLEDATA></DATA>" TAIL) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read),          cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_is_large_is_refused), cmocka_unit_test(damage_is_harmless),
        cmocka_unit_test(our_own_comes_back),       cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}

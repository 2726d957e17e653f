/* What each format makes of awkward cells. FITS is read back by our own reader here and by astropy
 * in astropy_tables.py; JSON by our own parser. */
#include "fits/fits.h"
#include "support.h"

#define U_FFFD "\xef\xbf\xbd"

static char *text_of(const nsky_table *table, nsky_table_format format, size_t *bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data = NULL;

    assert_ok(nsky_table_write_memory(table, format, &data, bytes, &err), err);
    char *text = nsky_alloc(*bytes + 1, 1, &err);
    assert_non_null(text);
    memcpy(text, data, *bytes);
    text[*bytes] = '\0';
    assert_int_equal(strlen(text), format == NSKY_TABLE_FITS ? strlen(text) : *bytes);
    nsky_free(data);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in\n%s", part, text);
}

static void csv(void **state)
{
    give g = {.count = ROWS};
    nsky_table table = table_of(&g);
    size_t bytes;
    char *text = text_of(&table, NSKY_TABLE_CSV, &bytes);

    (void)state;
    assert_string_equal(text, "id,votes,ra,score,label,type\n"
                              "9223372036854775807,0,150.1163219,0.100000001,"
                              "\"x,\"\"y\"\"\r\n<z> & 'w' ]]>\",REX\n"
                              "9223372036854775806,,151.1163219,0.200000003,"
                              "caf\xc3\xa9 \xf0\x9f\x94\xad,REX\n"
                              "9223372036854775805,-2,,0.300000012,bad " U_FFFD U_FFFD
                              " " U_FFFD U_FFFD U_FFFD " end \x01 \xef\xbf\xbf,R\xc3\x89X\n"
                              "9223372036854775804,-3,153.1163219,,,\n");
    assert_int_equal(g.passes, 1);
    nsky_free(text);
}

static void csv_comments(void **state)
{
    give g = {.count = 0};
    nsky_provenance provenance = full_provenance();
    nsky_table table = table_of(&g);
    size_t bytes;

    (void)state;
    table.provenance = &provenance;
    char *text = text_of(&table, NSKY_TABLE_CSV, &bytes);
    assert_string_equal(text, "id,votes,ra,score,label,type\n"); /* none unless asked for */
    nsky_free(text);
    table.csv_comments = true;
    text = text_of(&table, NSKY_TABLE_CSV, &bytes);
    assert_has(text, "# software: nearsky\n");
    assert_has(text, "\n# generation: 3\n# model: resnet18\n# model_sha256: 0123");
    assert_has(text, "\n# random_weights: true\n# method: exact scan\n# scanned: 76000000\n");
    assert_has(text, "\n# note: a b " U_FFFD " & <c> \"d\" \x02\n# warning: ");
    assert_has(text, "\nid,votes,ra,score,label,type\n");
    nsky_free(text);
}

static void json(void **state)
{
    give g = {.count = ROWS};
    nsky_provenance provenance = full_provenance();
    nsky_table table = table_of(&g);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root = NULL;
    size_t bytes;

    (void)state;
    table.provenance = &provenance;
    table.truncated = true;
    char *text = text_of(&table, NSKY_TABLE_JSON, &bytes);
    assert_ok(nsky_json_parse(&root, text, bytes, "the table", &err), err);
    const nsky_json *row = nsky_json_first(nsky_json_get(root, "things"));
    assert_int_equal(nsky_json_count(nsky_json_get(root, "things")), ROWS);
    assert_string_equal(nsky_json_get_string(row, "id"), "9223372036854775807");
    assert_string_equal(nsky_json_get_string(row, "label"), labels[0]);
    assert_true(nsky_json_get_number(row, "score", 0) == 0.100000001);
    row = nsky_json_next(row);
    assert_int_equal(nsky_json_kind(nsky_json_get(row, "votes")), NSKY_JSON_NULL);
    row = nsky_json_next(row);
    assert_int_equal(nsky_json_kind(nsky_json_get(row, "ra")), NSKY_JSON_NULL);
    assert_true(nsky_json_get_number(row, "votes", 0) == -2);
    row = nsky_json_next(row);
    for (int i = 0; i < 3; i++) {
        static const char *const unknown[] = {"score", "label", "type"};
        assert_int_equal(nsky_json_kind(nsky_json_get(row, unknown[i])), NSKY_JSON_NULL);
    }
    const nsky_json *stats = nsky_json_get(root, "stats");
    assert_true(nsky_json_get_bool(stats, "random_weights", false));
    assert_true(nsky_json_get_bool(stats, "truncated", false));
    assert_true(nsky_json_get_number(stats, "scanned", 0) == 76000000);
    assert_string_equal(nsky_json_get_string(stats, "query"), provenance.query);
    nsky_json_free(root);
    nsky_free(text);
}

static void votable(void **state)
{
    give g = {.count = ROWS};
    nsky_provenance provenance = full_provenance();
    nsky_table table = table_of(&g);
    size_t bytes;

    (void)state;
    table.provenance = &provenance;
    table.truncated = true;
    char *text = text_of(&table, NSKY_TABLE_VOTABLE, &bytes);
    assert_has(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VOTABLE version=\"1.4\"");
    assert_has(text, "<DESCRIPTION>Things of &lt;every&gt; kind</DESCRIPTION>");
    assert_has(text, "<INFO name=\"query\" value=\"/api/v1/objects?a=1&amp;b=&lt;2&gt;\"/>");
    assert_has(text, "<INFO name=\"note\" value=\"a&#10;b " U_FFFD
                     " &amp; &lt;c&gt; &quot;d&quot; " U_FFFD "\"/>");
    assert_has(text, "<FIELD ID=\"ra\" name=\"ra\" datatype=\"double\" precision=\"7\" "
                     "unit=\"deg\" ucd=\"pos.eq.ra;meta.main\" ref=\"icrs\">");
    assert_has(text, "\n<TR><TD>9223372036854775807</TD><TD>0</TD><TD>150.1163219</TD>"
                     "<TD>0.100000001</TD><TD>x,&quot;y&quot;&#13;\n&lt;z&gt; &amp; 'w' ]]&gt;"
                     "</TD><TD>REX</TD></TR>\n");
    assert_has(text, "<TD></TD><TD>151.1163219</TD>");
    assert_has(text, "<TD>bad " U_FFFD U_FFFD " " U_FFFD U_FFFD U_FFFD " end " U_FFFD " " U_FFFD
                     "</TD><TD>R?X</TD>"); /* char is ASCII */
    assert_has(text, "<TD>153.1163219</TD><TD></TD><TD></TD><TD></TD></TR>");
    assert_has(text, "</TABLE>\n  <INFO name=\"QUERY_STATUS\" value=\"OVERFLOW\"/>");
    assert_has(text, "</VOTABLE>\n");
    nsky_free(text);
}

static void votable_error(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data = NULL;
    size_t bytes;

    (void)state;
    assert_ok(nsky_votable_error("no \"RA\" <\xff>", &data, &bytes, &err), err);
    char *text = nsky_format(&err, "%.*s", (int)bytes, (const char *)data);
    assert_non_null(text);
    assert_has(text, "<INFO ID=\"Error\" name=\"Error\" value=\"no &quot;RA&quot; &lt;" U_FFFD
                     "&gt;\"/>");
    nsky_free(text);
    nsky_free(data);
}

static void check_fits_rows(nsky_fits *fits, uint64_t first)
{
    nsky_error err = NSKY_ERROR_INIT;
    int64_t wholes[ROWS];
    double reals[ROWS];
    char texts[ROWS][40];

    assert_ok(nsky_fits_read_integers(fits, "id", first, ROWS, wholes, &err), err);
    for (int i = 0; i < ROWS; i++)
        assert_true(wholes[i] == BIG_ID - (int64_t)first - i);
    assert_ok(nsky_fits_read_integers(fits, "votes", first, ROWS, wholes, &err), err);
    assert_true(wholes[1] == NSKY_TABLE_UNKNOWN && wholes[2] == -2 - (int64_t)first);
    assert_ok(nsky_fits_read_doubles(fits, "ra", first, ROWS, reals, &err), err);
    assert_true(reals[1] == 150.1163219 + (double)(first + 1) && isnan(reals[2]));
    assert_ok(nsky_fits_read_doubles(fits, "score", first, ROWS, reals, &err), err);
    assert_true((float)reals[1] == 0.1f * (float)(first + 2) && isnan(reals[3]));
    assert_ok(nsky_fits_read_strings(fits, "label", first, ROWS, texts[0], sizeof texts[0], &err),
              err);
    assert_string_equal(texts[0], "x,\"y\"?\?<z> & 'w' ]]>");
    assert_string_equal(texts[1], "caf?? ????");
    assert_string_equal(texts[2], "bad ?? ??? end ? ???");
    assert_string_equal(texts[3], "");
    assert_ok(nsky_fits_read_strings(fits, "type", first, ROWS, texts[0], sizeof texts[0], &err),
              err);
    assert_string_equal(texts[2], "R??X");
    assert_string_equal(texts[3], "");
}

/* So many rows that they go in more than one piece. */
static void fits(void **state)
{
    give g = {.count = 30000};
    nsky_provenance provenance = full_provenance();
    nsky_table table = table_of(&g);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *file = NULL;
    nsky_fits_hdu hdu;
    char value[80];
    int64_t whole;
    size_t bytes;
    void *data;

    (void)state;
    table.provenance = &provenance;
    assert_ok(nsky_table_write_memory(&table, NSKY_TABLE_FITS, &data, &bytes, &err), err);
    assert_int_equal(g.passes, 2);
    assert_ok(nsky_fits_open_memory(&file, data, bytes, "table", &err), err);
    assert_ok(nsky_fits_select(file, 1, &hdu, &err), err);
    assert_int_equal(hdu.rows, 30000);
    assert_string_equal(hdu.name, "things");
    check_fits_rows(file, 0);
    check_fits_rows(file, 15000);
    check_fits_rows(file, 29996);
    assert_true(nsky_fits_key_string(file, "TUCD3", value, sizeof value));
    assert_string_equal(value, "pos.eq.ra;meta.main");
    assert_true(nsky_fits_key_string(file, "TUNIT3", value, sizeof value));
    assert_string_equal(value, "deg");
    assert_true(nsky_fits_key_string(file, "MODELSHA", value, sizeof value));
    assert_string_equal(value, provenance.model_sha256);
    assert_true(nsky_fits_key_string(file, "NOTE", value, sizeof value));
    assert_string_equal(value, "a?b ? & <c> \"d\" ?");
    assert_true(nsky_fits_key_integer(file, "GENERATN", &whole) && whole == 3);
    nsky_fits_close(file);
    nsky_free(data);
}

/* The same bytes every time, wherever they go. */
static void same_everywhere(void **state)
{
    char path[] = "/tmp/nsky-table-XXXXXX";
    int fd = mkstemp(path);
    FILE *stream = fdopen(fd, "r+b");

    (void)state;
    assert_non_null(stream);
    for (int format = NSKY_TABLE_JSON; format <= NSKY_TABLE_FITS; format++) {
        nsky_error err = NSKY_ERROR_INIT;
        void *memory = NULL, *file = NULL, *streamed = NULL;
        size_t bytes;
        give a = {.count = 9}, b = a, c = a;
        nsky_table table = table_of(&a);
        assert_ok(nsky_table_write_memory(&table, format, &memory, &bytes, &err), err);
        table.payload = &b;
        rewind(stream);
        assert_ok(nsky_table_write_stream(&table, format, stream, path, &err), err);
        assert_int_equal(ftell(stream), bytes);
        assert_non_null(streamed = nsky_alloc(bytes, 1, &err));
        rewind(stream);
        assert_int_equal(fread(streamed, 1, bytes, stream), bytes);
        assert_memory_equal(streamed, memory, bytes);
        table.payload = &c;
        char *beside = nsky_format(&err, "%s.out", path);
        FILE *back;
        assert_ok(nsky_table_write_file(&table, format, beside, &err), err);
        assert_non_null(back = fopen(beside, "rb"));
        assert_non_null(file = nsky_alloc_zero(bytes + 1, 1, &err));
        assert_int_equal(fread(file, 1, bytes + 1, back), bytes);
        assert_memory_equal(file, memory, bytes);
        fclose(back);
        remove(beside);
        nsky_free(beside);
        nsky_free(memory);
        nsky_free(file);
        nsky_free(streamed);
    }
    fclose(stream);
    remove(path);
}

static void object_columns(void **state)
{
    nsky_object object;
    nsky_cell cells[NSKY_CATALOGUE_COLUMNS], hit[NSKY_HIT_COLUMNS];

    (void)state;
    nsky_object_init(&object);
    object.id = 7;
    object.ra_deg = 1;
    object.dec_deg = 2;
    float *numbers[] = {&object.mag_g,  &object.mag_r,  &object.mag_z,
                        &object.z_phot, &object.z_spec, &object.ebv};
    for (int i = 0; i < 6; i++)
        *numbers[i] = (float)(3 + i);
    strcpy(object.name, "n");
    strcpy(object.type, "EXP");
    strcpy(object.known, "k");
    strcpy(object.source, "s");
    nsky_object_cells(cells, nsky_catalogue_columns, NSKY_CATALOGUE_COLUMNS, &object);
    assert_int_equal(cells[0].id, 7);
    for (int i = 2; i < 10; i++)
        assert_true(cells[i].number == i - 1);
    assert_true(cells[1].text == object.name && cells[10].text == object.type &&
                cells[11].text == object.known && cells[12].text == object.source);
    nsky_hit_cells(hit, 4, 0.5f, 0.25, &object);
    assert_true(hit[0].integer == 4 && hit[1].id == 7 && hit[5].number == 0.5 &&
                hit[10].text == object.known && hit[11].number == 0.25);
    for (uint32_t i = 0; i < NSKY_CATALOGUE_COLUMNS; i++)
        assert_non_null(nsky_catalogue_columns[i].description);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(csv_comments),
        cmocka_unit_test(json),
        cmocka_unit_test(votable),
        cmocka_unit_test(votable_error),
        cmocka_unit_test(fits),
        cmocka_unit_test(same_everywhere),
        cmocka_unit_test(object_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

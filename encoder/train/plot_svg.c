/* plot_svg.c - panels above one another over one axis of steps. Thread rule: one thread. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/utf8.h"
#include "encoder/train/plot_curve.h"

#define WIDTH 960.0
#define LEFT 76.0
#define RIGHT 96.0 /* room for the last value */
#define TOP 76.0
#define GAP 44.0
#define BOTTOM 56.0

/* Colours are told apart in either scheme and by the colour-blind (Okabe & Ito 2008). */
static const char style[] =
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "fill:#374151}"
    ".paper{fill:#fff}.head{font-size:20px;font-weight:600;fill:#111827}"
    ".panel{font-weight:600;fill:#111827}.grid{stroke:#e5e7eb}.axis{stroke:#9ca3af}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".band{stroke:none;opacity:.2}.end{font-weight:600}"
    ".loss.line{stroke:#0072b2}.loss.band,.loss.dot,.loss.end{fill:#0072b2}"
    ".accuracy.line{stroke:#c2570c}.accuracy.band,.accuracy.dot,.accuracy.end{fill:#c2570c}"
    ".rate.line{stroke:#00825e}.rate.band,.rate.dot,.rate.end{fill:#00825e}"
    "@media (prefers-color-scheme:dark){text{fill:#c3c9d4}.paper{fill:#11151c}"
    ".head,.panel{fill:#f3f4f6}.grid{stroke:#262d38}.axis{stroke:#6b7280}.band{opacity:.3}"
    ".loss.line{stroke:#56b4e9}.loss.band,.loss.dot,.loss.end{fill:#56b4e9}"
    ".accuracy.line{stroke:#f0a04b}.accuracy.band,.accuracy.dot,.accuracy.end{fill:#f0a04b}"
    ".rate.line{stroke:#3ecf9d}.rate.band,.rate.dot,.rate.end{fill:#3ecf9d}}";

/* --- text --- */

/* Anything as the text of an element: markup escaped, control characters and bad UTF-8 left out. */
static void put_text(FILE *stream, const char *text)
{
    size_t length = strnlen(text, NSKY_PLOT_TITLE_MAX);

    for (size_t i = 0; i < length;) {
        const unsigned char *at = (const unsigned char *)text + i;
        unsigned char byte = *at;
        size_t bytes = nsky_utf8_step(at, length - i);
        bool none = bytes == 3 && byte == 0xef && at[1] == 0xbf && at[2] >= 0xbe; /* U+FFFE, FFFF */
        if (bytes == 0 || byte < 0x20 || none) {
            i += bytes > 0 ? bytes : 1;
            continue;
        }
        if (byte == '<')
            fputs("&lt;", stream);
        else if (byte == '>')
            fputs("&gt;", stream);
        else if (byte == '&')
            fputs("&amp;", stream);
        else
            fwrite(text + i, 1, bytes, stream);
        i += bytes;
    }
}

/* 0, 5k, 12.5k, 3M */
static void step_label(double step, char *out, size_t bytes)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    size_t unit = 0;

    while (step >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        step /= 1000;
        unit++;
    }
    snprintf(out, bytes, "%.6g%s", step, units[unit]);
}

/* --- axes --- */

typedef struct axis {
    double low, high; /* values at both ends */
    double from, to;  /* where they lie on the picture */
    double tick;
} axis;

/* 1, 2 or 5 times a power of ten, so that about `count` of them fit. */
static double choose_tick(double range, int count)
{
    double raw = range / count, power = pow(10, floor(log10(raw))), head = raw / power;

    return power * (head <= 1 ? 1 : head <= 2 ? 2 : head <= 5 ? 5 : 10);
}

static axis make_axis(double low, double high, double from, double to, int ticks)
{
    double most = fmax(fabs(low), fabs(high));

    if (!(high - low > 1e-9 * most)) { /* a flat curve still has a middle */
        double half = most > 0 ? 0.05 * most : 0.5;
        low -= half;
        high += half;
    }
    axis a = {.low = low, .high = high, .from = from, .to = to};
    a.tick = choose_tick(high - low, ticks);
    return a;
}

static double place(const axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

/* --- a panel --- */

static bool filled(const nsky_curve *c, uint32_t i)
{
    return c->bin[i].count > 0;
}

static double bin_step(const nsky_curve *c, uint32_t i)
{
    return c->bin[i].steps / (double)c->bin[i].count;
}

static double bin_mean(const nsky_curve *c, uint32_t i)
{
    return c->bin[i].values / (double)c->bin[i].count;
}

/* Around a bin, weighted by how many values each has. */
static double smoothed(const nsky_curve *c, uint32_t at, int reach)
{
    double sum = 0, count = 0;

    for (int64_t i = (int64_t)at - reach; i <= (int64_t)at + reach; i++)
        if (i >= 0 && i < NSKY_CURVE_BINS) {
            sum += c->bin[i].values;
            count += (double)c->bin[i].count;
        }
    return sum / count;
}

/* What is drawn decides the range: a lone spike may leave the panel, the line may not. */
static axis value_axis(const nsky_panel *p, double top)
{
    const nsky_curve *c = p->curve;
    double low = INFINITY, high = -INFINITY;

    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++)
        if (filled(c, i)) {
            double mean = bin_mean(c, i) * p->factor;
            low = fmin(low, mean);
            high = fmax(high, mean);
        }
    axis a = make_axis(low, high, top + p->height, top, p->height > 200 ? 5 : 3);
    a.low = floor(a.low / a.tick + 1e-9) * a.tick; /* whole ticks at both ends */
    a.high = ceil(a.high / a.tick - 1e-9) * a.tick;
    return a;
}

static double clamped(const axis *y, double value)
{
    return place(y, fmin(fmax(value, y->low), y->high));
}

/* From the lowest to the highest value of each bin, there and back. */
static void draw_band(FILE *stream, const nsky_panel *p, const axis *x, const axis *y)
{
    const nsky_curve *c = p->curve;

    fprintf(stream, "<path class=\"band %s\" d=\"", p->class_name);
    char command = 'M';
    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++)
        if (filled(c, i)) {
            fprintf(stream, "%c%.1f %.1f", command, place(x, bin_step(c, i)),
                    clamped(y, c->bin[i].high * p->factor));
            command = 'L';
        }
    for (uint32_t i = NSKY_CURVE_BINS; i-- > 0;)
        if (filled(c, i))
            fprintf(stream, "L%.1f %.1f", place(x, bin_step(c, i)),
                    clamped(y, c->bin[i].low * p->factor));
    fputs("Z\"/>\n", stream);
}

static void draw_line(FILE *stream, const nsky_panel *p, const axis *x, const axis *y)
{
    const nsky_curve *c = p->curve;
    uint32_t count = 0;

    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++)
        count += filled(c, i);
    int reach = p->smooth / 2 < (int)count / 20 ? p->smooth / 2 : (int)count / 20;
    fprintf(stream, "<path class=\"line %s\" d=\"", p->class_name);
    char command = 'M';
    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++)
        if (filled(c, i)) {
            double value = smoothed(c, i, reach) * p->factor;
            fprintf(stream, "%c%.1f %.1f", command, place(x, bin_step(c, i)), clamped(y, value));
            command = 'L';
        }
    fputs("\"/>\n", stream);
    if (p->smooth > 0 && count > 1)
        return;
    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++)
        if (filled(c, i))
            fprintf(stream, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>\n",
                    p->class_name, place(x, bin_step(c, i)), clamped(y, bin_mean(c, i) * p->factor),
                    count > 60 ? "2" : "3.5");
}

static void draw_value_ticks(FILE *stream, const axis *y)
{
    for (int i = 0; i <= (int)round((y->high - y->low) / y->tick) && i < 20; i++) {
        double value = y->low + i * y->tick;
        value = fabs(value) < 1e-9 * y->tick ? 0 : value;
        double at = place(y, value);
        fprintf(stream,
                "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
                LEFT, at, WIDTH - RIGHT, LEFT - 8, at + 4.5, value);
    }
}

static void draw_panel(FILE *stream, const nsky_panel *p, const axis *x, double top)
{
    axis y = value_axis(p, top);

    fprintf(stream, "<text class=\"panel\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", LEFT, top - 10,
            p->title);
    draw_value_ticks(stream, &y);
    if (p->smooth > 1)
        draw_band(stream, p, x, &y);
    draw_line(stream, p, x, &y);
    fprintf(stream, "<text class=\"end %s\" x=\"%.1f\" y=\"%.1f\">", p->class_name,
            WIDTH - RIGHT + 8, clamped(&y, p->curve->last * p->factor) + 4.5);
    fprintf(stream, p->format, p->curve->last * p->factor);
    fputs("</text>\n", stream);
}

/* --- the picture --- */

static void draw_step_axis(FILE *stream, const axis *x, double bottom)
{
    fprintf(stream, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>\n", LEFT, bottom, WIDTH - RIGHT);
    double first = ceil(x->low / x->tick - 1e-9) * x->tick;
    for (int i = 0; i < 20 && first + i * x->tick <= x->high; i++) {
        char label[32];
        double step = first + i * x->tick, at = place(x, step);
        step_label(step, label, sizeof label);
        fprintf(stream,
                "<path class=\"axis\" d=\"M%.1f %.1fv5\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                at, bottom, at, bottom + 20, label);
    }
    fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">step</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, bottom + 42);
}

static axis shared_axis(const nsky_panel *panels, uint32_t count)
{
    double first = INFINITY, last = 0;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t b = 0; b < NSKY_CURVE_BINS; b++)
            if (filled(panels[i].curve, b)) {
                first = fmin(first, bin_step(panels[i].curve, b));
                last = fmax(last, bin_step(panels[i].curve, b));
            }
    if (!isfinite(first))
        first = 0;
    if (first < 0.1 * last) /* most start at the beginning: show it */
        first = 0;
    return make_axis(first, last, LEFT, WIDTH - RIGHT, 8);
}

void nsky_plot_svg(FILE *stream, const char *title, const char *subtitle, const nsky_panel *panels,
                   uint32_t count)
{
    assert(stream && title && subtitle && (panels || count == 0));
    axis x = shared_axis(panels, count);
    double height = TOP + BOTTOM, top = TOP + 18;

    for (uint32_t i = 0; i < count; i++)
        height += panels[i].height + GAP;
    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" role=\"img\">\n<title>",
            WIDTH, height, WIDTH, height);
    put_text(stream, title);
    fprintf(stream, "</title>\n<style>%s</style>\n", style);
    fprintf(stream, "<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n");
    fprintf(stream, "<text class=\"head\" x=\"%.1f\" y=\"36\">", LEFT);
    put_text(stream, title);
    fprintf(stream, "</text>\n<text x=\"%.1f\" y=\"58\">", LEFT);
    put_text(stream, subtitle);
    fputs("</text>\n", stream);
    for (uint32_t i = 0; i < count; i++) {
        draw_panel(stream, &panels[i], &x, top);
        top += panels[i].height + GAP;
    }
    draw_step_axis(stream, &x, top - GAP + 2);
    fputs("</svg>\n", stream);
}

/* font.c - a tiny bitmap font. Thread rule: pure. */
#include "sim/font.h"

#include <ctype.h>

/* Rows from the top; the lowest five bits, leftmost pixel highest. */
typedef struct glyph {
    char letter;
    uint8_t rows[SIM_GLYPH_HEIGHT];
} glyph;

static const glyph glyphs[] = {
    {'A', {14, 17, 17, 31, 17, 17, 17}}, {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}}, {'D', {30, 17, 17, 17, 17, 17, 30}},
    {'E', {31, 16, 16, 30, 16, 16, 31}}, {'F', {31, 16, 16, 30, 16, 16, 16}},
    {'G', {14, 17, 16, 23, 17, 17, 14}}, {'H', {17, 17, 17, 31, 17, 17, 17}},
    {'I', {14, 4, 4, 4, 4, 4, 14}},      {'J', {7, 2, 2, 2, 2, 18, 12}},
    {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
    {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 25, 21, 19, 17, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}}, {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}}, {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},   {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 17, 17, 10, 4}},
    {'W', {17, 17, 17, 21, 21, 27, 17}}, {'X', {17, 17, 10, 4, 10, 17, 17}},
    {'Y', {17, 17, 10, 4, 4, 4, 4}},     {'Z', {31, 1, 2, 4, 8, 16, 31}},
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 6, 8, 16, 31}},    {'3', {30, 1, 1, 14, 1, 1, 30}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'-', {0, 0, 0, 31, 0, 0, 0}},       {'.', {0, 0, 0, 0, 0, 12, 12}},
};

static const glyph *find(char letter)
{
    letter = (char)toupper((unsigned char)letter);
    for (size_t i = 0; i < sizeof glyphs / sizeof *glyphs; i++)
        if (glyphs[i].letter == letter)
            return &glyphs[i];
    return NULL;
}

static void fill_square(nsky_picture *picture, uint32_t x0, uint32_t y0, uint32_t side,
                        uint8_t grey)
{
    for (uint32_t y = y0; y < y0 + side && y < picture->height; y++)
        for (uint32_t x = x0; x < x0 + side && x < picture->width; x++)
            for (int c = 0; c < 3; c++)
                picture->rgb[((size_t)y * picture->width + x) * 3 + (size_t)c] = grey;
}

void sim_draw_text(nsky_picture *picture, uint32_t x, uint32_t y, uint32_t scale, const char *text,
                   uint8_t grey)
{
    for (; *text; text++, x += SIM_GLYPH_WIDTH * scale) {
        const glyph *g = find(*text);
        for (uint32_t row = 0; g && row < SIM_GLYPH_HEIGHT; row++)
            for (uint32_t column = 0; column < 5; column++)
                if (g->rows[row] >> (4 - column) & 1)
                    fill_square(picture, x + column * scale, y + row * scale, scale, grey);
    }
}

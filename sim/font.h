/* font.h (private) - capitals five pixels wide and seven high, for labels on contact sheets.
 * Thread rule: pure. */
#ifndef NSKY_SIM_FONT_H
#define NSKY_SIM_FONT_H

#include "image/codec.h"

#define SIM_GLYPH_WIDTH 6 /* with the gap */
#define SIM_GLYPH_HEIGHT 7

/* Letters of either case, digits, '-', '.' and space; anything else is a space. Grey level 0..255.
 * What falls outside the picture is left out. */
void sim_draw_text(nsky_picture *picture, uint32_t x, uint32_t y, uint32_t scale, const char *text,
                   uint8_t grey);

#endif

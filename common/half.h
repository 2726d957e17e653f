/* half.h - IEEE float16 and bfloat16 as bits; round to nearest even. */
#ifndef NSKY_HALF_H
#define NSKY_HALF_H

#include <stddef.h>
#include <stdint.h>

/* Overflow gives infinity, as IEEE says; NaN stays NaN. F16C where the CPU has it; same bits. */
uint16_t nsky_half_from_float(float value);
float nsky_half_to_float(uint16_t bits);
void nsky_half_from_floats(uint16_t *out, const float *in, size_t count);
void nsky_half_to_floats(float *out, const uint16_t *in, size_t count);

uint16_t nsky_bfloat16_from_float(float value);
float nsky_bfloat16_to_float(uint16_t bits);

#endif

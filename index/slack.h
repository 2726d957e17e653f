/* slack.h - private: what a code does not say of a row, as a length in one byte that is never below
 * the truth. Byte c stands for 2^(c / 16 - 13), 0.0001 to 7.3 in steps of 4.4%, and 255 for
 * anything longer: such a row's bound is beyond all scores, and it is always compared. Pure
 * functions, the same on every CPU. */
#ifndef NSKY_SLACK_H
#define NSKY_SLACK_H

#include <stdint.h>

/* The least byte whose length is not below `length`; NaN gets 255. Bytes are in the order of
 * lengths. */
uint8_t nsky_slack_code(float length);
float nsky_slack_length(uint8_t code);

#endif

/* sheet.h - what the network is shown, to look at: a line for each object, first the plain crop,
 * then its views. Thread rule: as loader.h. */
#ifndef NSKY_AUGMENT_SHEET_H
#define NSKY_AUGMENT_SHEET_H

#include "encoder/train/loader.h"

#define NSKY_SHEET_SIDE_MAX 8192u /* pixels of the whole picture */

/*
 * `objects` of the loader's rows, spread evenly, and `views` of each as epoch 0 would begin to draw
 * them, to path (.png, else JPEG), replaced atomically.
 * NSKY_EINVAL   no objects or no views
 * NSKY_ELIMIT   larger than NSKY_SHEET_SIDE_MAX: the text says how many fit
 */
NSKY_MUST_CHECK nsky_status nsky_augment_sheet(nsky_loader *l, uint32_t objects, uint32_t views,
                                               const char *path, nsky_error *err);

#endif

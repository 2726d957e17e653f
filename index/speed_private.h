/* speed_private.h - private: an index in a folder, between speed.c, which opens it, and
 * speed_measure.c. */
#ifndef NSKY_SPEED_PRIVATE_H
#define NSKY_SPEED_PRIVATE_H

#include "common/file.h"
#include "index/by_graph.h"
#include "index/by_lists.h"
#include "index/choose.h"
#include "index/speed.h"
#include "index/tune.h"

struct nsky_speed {
    nsky_speed_job job;
    nsky_map map;
    nsky_scan scan;
    nsky_index_plan plan;
    nsky_lists lists;
    nsky_tuned tuned;
    nsky_knn graph;
    nsky_knn_effort graph_effort;
};

#endif

/* build_graph.c - build_private.h: the graph beside the lists of a generation with memory to spare.
 */
#include "index/build_private.h"

nsky_status nsky_build_graph(nsky_build *b, nsky_error *err)
{
    nsky_knn graph = {0};
    const nsky_knn_job job = {
        .folder = b->work->path,
        .vectors = b->from->vectors,
        .threads = b->options->threads,
        .stop = b->options->stop,
    };
    /* Opened as a server would, which checks what was written. */
    nsky_status status = nsky_knn_build(&job, err);
    if (status == NSKY_OK && (status = nsky_knn_open(&graph, job.folder, job.vectors.rows,
                                                     job.vectors.dim, err)) == NSKY_OK)
        status = nsky_knn_tune(&b->graph_effort, &b->recall, &graph, &b->scan, b->recall_target,
                               job.stop, err);
    nsky_knn_close(&graph);
    return status;
}

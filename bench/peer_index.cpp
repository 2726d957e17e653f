// peer_index.cpp - the peers of `scripts/bench index`: hnswlib and FAISS over the same vectors and
// queries, each built once into the folder and then measured at one setting after another.
//
//   peer_index FOLDER KIND SETTING...      KIND: hnsw:M:EF or faiss:FACTORY
//
// FOLDER holds vectors.f16 [rows, dim], queries.f32 [queries, dim], truth.u32 [queries, 100] and
// shape.txt "rows dim queries", all made by `nearsky bench index`. A SETTING is efSearch (hnsw) or
// nprobe:candidates (faiss; candidates are ranked exactly from vectors.f16, 0: as they come).
// Prints one line of JSON. Compiled with -O3 -march=native by bench/CMakeLists.txt.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <hnswlib/hnswlib.h>
#include <immintrin.h>
#include <omp.h>

namespace {

using Clock = std::chrono::steady_clock;
using Hits = std::vector<std::pair<float, uint32_t>>; // best first

double seconds_since(Clock::time_point start)
{
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Data {
    uint64_t rows = 0;
    uint32_t dim = 0, queries = 0;
    const uint16_t *vectors = nullptr;
    std::vector<float> query;
    std::vector<uint32_t> truth;
    std::string folder;
};

[[noreturn]] void fail(const std::string &what)
{
    std::fprintf(stderr, "peer_index: %s\n", what.c_str());
    std::exit(1);
}

template <typename T> std::vector<T> read_all(const std::string &path, size_t count)
{
    std::vector<T> out(count);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char *>(out.data()), std::streamsize(count * sizeof(T))))
        fail(path + ": not readable, or too short");
    return out;
}

Data open_data(const std::string &folder)
{
    Data d;
    d.folder = folder;
    std::ifstream shape(folder + "/shape.txt");
    if (!(shape >> d.rows >> d.dim >> d.queries))
        fail(folder + "/shape.txt: not readable");
    int fd = open((folder + "/vectors.f16").c_str(), O_RDONLY);
    void *map = fd < 0 ? MAP_FAILED : mmap(nullptr, d.rows * d.dim * 2, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        fail(folder + "/vectors.f16: not readable");
    d.vectors = static_cast<const uint16_t *>(map);
    d.query = read_all<float>(folder + "/queries.f32", size_t(d.queries) * d.dim);
    d.truth = read_all<uint32_t>(folder + "/truth.u32", size_t(d.queries) * 100);
    return d;
}

void to_floats(const Data &d, uint64_t row, float *out)
{
    const uint16_t *half = d.vectors + row * d.dim;
    uint32_t i = 0;
    for (; i + 8 <= d.dim; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                      reinterpret_cast<const __m128i *>(half + i))));
    for (; i < d.dim; i++)
        out[i] = _cvtsh_ss(half[i]);
}

// The exact cosine, up to the rounding of lengths to float16: what the peer's candidates get too.
float product(const Data &d, uint64_t row, const float *query)
{
    const uint16_t *half = d.vectors + row * d.dim;
    __m256 sum = _mm256_setzero_ps();
    uint32_t i = 0;
    for (; i + 8 <= d.dim; i += 8)
        sum = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(
                                  reinterpret_cast<const __m128i *>(half + i))),
                              _mm256_loadu_ps(query + i), sum);
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, sum);
    float total = 0;
    for (float lane : lanes)
        total += lane;
    for (; i < d.dim; i++)
        total += _cvtsh_ss(half[i]) * query[i];
    return total;
}

struct Peer {
    virtual ~Peer() = default;
    virtual void set(const std::string &setting) = 0;
    virtual Hits search(const float *query, uint32_t k, const uint8_t *allowed) = 0;
    double build_s = 0;
    uint64_t bytes = 0;
};

struct Hnsw : Peer {
    hnswlib::InnerProductSpace space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;

    Hnsw(const Data &d, size_t m, size_t ef) : space(d.dim)
    {
        const std::string path = d.folder + "/hnsw-" + std::to_string(m) + "-" + std::to_string(ef);
        if (access(path.c_str(), R_OK) == 0)
            index = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, path, false, d.rows);
        else
            index = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, d.rows, m, ef);
        std::ifstream(path + ".seconds") >> build_s;
        while (index->cur_element_count < d.rows)
            add_and_save(d, path);
        bytes = std::ifstream(path, std::ios::ate | std::ios::binary).tellg();
    }

    // Half a million rows more: ten million take hours, and a build that was ended goes on from here.
    void add_and_save(const Data &d, const std::string &path)
    {
        const auto start = Clock::now();
        uint64_t row = index->cur_element_count;
        const uint64_t end = std::min<uint64_t>(d.rows, row + 500000);
        std::vector<float> first(d.dim);
        index->level_generator_.seed(unsigned(100 + row)); // loading begins its numbers anew
        to_floats(d, row, first.data());
        index->addPoint(first.data(), row++);
#pragma omp parallel
        {
            std::vector<float> x(d.dim);
#pragma omp for schedule(dynamic, 64)
            for (uint64_t i = row; i < end; i++) {
                to_floats(d, i, x.data());
                index->addPoint(x.data(), i);
            }
        }
        index->saveIndex(path + ".part");
        if (std::rename((path + ".part").c_str(), path.c_str()) != 0)
            fail(path + ": not writable");
        build_s += seconds_since(start);
        std::ofstream(path + ".seconds") << build_s << "\n";
        std::fprintf(stderr, "    hnswlib: %llu of %llu rows, %.0f s\n", (unsigned long long)end,
                     (unsigned long long)d.rows, build_s);
    }
    void set(const std::string &setting) override { index->setEf(std::stoul(setting)); }
    Hits search(const float *query, uint32_t k, const uint8_t *) override
    {
        auto heap = index->searchKnn(query, k);
        Hits hits(heap.size());
        for (size_t i = heap.size(); i-- > 0; heap.pop())
            hits[i] = {1 - heap.top().first, uint32_t(heap.top().second)};
        return hits;
    }
};

// A bitmap of rows, as FAISS 1.7.3 has none of its own that the lists' scanners honour.
struct Allowed : faiss::IDSelector {
    const uint8_t *bits;
    explicit Allowed(const uint8_t *b) : bits(b) {}
    bool is_member(idx_t id) const override { return bits[id >> 3] >> (id & 7) & 1; }
};

struct Faiss : Peer {
    const Data &data;
    std::unique_ptr<faiss::Index> index;
    size_t nprobe = 1, candidates = 0;

    Faiss(const Data &d, const std::string &factory) : data(d)
    {
        std::string name = factory;
        std::replace(name.begin(), name.end(), ',', '-');
        const std::string path = d.folder + "/faiss-" + name;
        const auto start = Clock::now();
        if (access(path.c_str(), R_OK) == 0) {
            index.reset(faiss::read_index(path.c_str()));
        } else {
            index.reset(faiss::index_factory(int(d.dim), factory.c_str(), faiss::METRIC_L2));
            const uint64_t sample = std::min<uint64_t>(d.rows, 400000), block = 16384;
            std::vector<float> x(std::max(sample, block) * d.dim);
            for (uint64_t i = 0; i < sample; i++)
                to_floats(d, i * d.rows / sample, x.data() + i * d.dim);
            index->train(faiss::Index::idx_t(sample), x.data());
            for (uint64_t first = 0; first < d.rows; first += block) {
                const uint64_t count = std::min(block, d.rows - first);
                for (uint64_t i = 0; i < count; i++)
                    to_floats(d, first + i, x.data() + i * d.dim);
                index->add(faiss::Index::idx_t(count), x.data());
            }
            build_s = seconds_since(start);
            faiss::write_index(index.get(), path.c_str());
        }
        bytes = std::ifstream(path, std::ios::ate | std::ios::binary).tellg();
    }
    void set(const std::string &setting) override
    {
        nprobe = std::stoul(setting);
        candidates = std::stoul(setting.substr(setting.find(':') + 1));
        ivf()->nprobe = nprobe;
    }
    faiss::IndexIVF *ivf()
    {
        auto *turned = dynamic_cast<faiss::IndexPreTransform *>(index.get());
        auto *lists = dynamic_cast<faiss::IndexIVF *>(turned ? turned->index : index.get());
        if (!lists)
            fail("this factory has no inverted lists");
        return lists;
    }
    Hits search(const float *query, uint32_t k, const uint8_t *allowed) override
    {
        const size_t want = std::max<size_t>(k, candidates);
        std::vector<float> distance(want);
        std::vector<faiss::Index::idx_t> row(want);
        if (allowed) {
            Allowed selector(allowed);
            faiss::SearchParametersIVF params;
            params.sel = &selector;
            params.nprobe = nprobe;
            const auto *turned = dynamic_cast<faiss::IndexPreTransform *>(index.get());
            const float *at = turned ? turned->apply_chain(1, query) : query;
            ivf()->search(1, at, faiss::Index::idx_t(want), distance.data(), row.data(), &params);
            if (at != query)
                delete[] at;
        } else {
            index->search(1, query, faiss::Index::idx_t(want), distance.data(), row.data());
        }
        Hits hits;
        for (size_t i = 0; i < want; i++)
            if (row[i] >= 0)
                hits.emplace_back(candidates ? product(data, uint64_t(row[i]), query) : -distance[i],
                                  uint32_t(row[i]));
        if (candidates)
            std::sort(hits.begin(), hits.end(), std::greater<>());
        hits.resize(std::min<size_t>(hits.size(), k));
        return hits;
    }
};

std::unique_ptr<Peer> open_peer(const Data &d, const std::string &kind)
{
    unsigned m = 0, ef = 0;
    if (std::sscanf(kind.c_str(), "hnsw:%u:%u", &m, &ef) == 2)
        return std::make_unique<Hnsw>(d, m, ef);
    if (kind.rfind("faiss:", 0) == 0)
        return std::make_unique<Faiss>(d, kind.substr(6));
    fail("\"" + kind + "\" is no peer: hnsw:M:EF or faiss:FACTORY");
}

double recall(const Data &d, const std::vector<Hits> &found, uint32_t k)
{
    uint64_t common = 0;
    for (uint32_t q = 0; q < d.queries; q++)
        for (uint32_t i = 0; i < k && i < found[q].size(); i++)
            for (uint32_t j = 0; j < k; j++)
                common += found[q][i].second == d.truth[size_t(q) * 100 + j];
    return double(common) / (double(d.queries) * k);
}

// One setting: every query alone for the latencies, then all of them on all cores.
void measure(const Data &d, Peer &peer, const std::string &setting, uint32_t threads, bool first)
{
    std::vector<Hits> found(d.queries);
    std::vector<double> times(d.queries);
    peer.set(setting);
    omp_set_num_threads(1);
    for (uint32_t q = 0; q < d.queries; q++) {
        const auto start = Clock::now();
        found[q] = peer.search(d.query.data() + size_t(q) * d.dim, 10, nullptr);
        times[q] = seconds_since(start);
    }
    const double at_10 = recall(d, found, 10);
    std::sort(times.begin(), times.end());
    const auto start = Clock::now();
    std::vector<std::thread> team;
    for (uint32_t t = 0; t < threads; t++)
        team.emplace_back([&, t] {
            omp_set_num_threads(1);
            for (uint32_t q = t; q < d.queries; q += threads)
                found[q] = peer.search(d.query.data() + size_t(q) * d.dim, 10, nullptr);
        });
    for (auto &one : team)
        one.join();
    const double wall = seconds_since(start);
    std::printf("%s{\"setting\": \"%s\", \"recall_at_10\": %.4f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, "
                "\"queries_per_s\": %.1f}",
                first ? "" : ", ", setting.c_str(), at_10, 1e3 * times[d.queries / 2],
                1e3 * times[size_t(d.queries) * 99 / 100], d.queries / wall);
    std::fflush(stdout);
}

// allowed-<of 10,000>.bits and .u32 (the true neighbours): latency and recall with a selector.
void measure_filter(const Data &d, Peer &peer, const std::string &setting, const char *of_10000,
                    bool first)
{
    const std::string base = d.folder + "/allowed-" + of_10000;
    const auto bits = read_all<uint8_t>(base + ".bits", d.rows / 8 + 1);
    Data part = d;
    part.queries = std::min<uint32_t>(d.queries, 100);
    part.truth = read_all<uint32_t>(base + ".u32", size_t(part.queries) * 100);
    std::vector<Hits> found(part.queries);
    std::vector<double> times(part.queries);
    peer.set(setting);
    omp_set_num_threads(1);
    for (uint32_t q = 0; q < part.queries; q++) {
        const auto start = Clock::now();
        found[q] = peer.search(d.query.data() + size_t(q) * d.dim, 10, bits.data());
        times[q] = seconds_since(start);
    }
    std::sort(times.begin(), times.end());
    std::printf("%s{\"of_10000\": %s, \"setting\": \"%s\", \"recall_at_10\": %.4f, \"p50_ms\": %.4f}",
                first ? "" : ", ", of_10000, setting.c_str(), recall(part, found, 10),
                1e3 * times[part.queries / 2]);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("FOLDER KIND SETTING... ; a setting that begins with f:OF_10000: is filtered");
    const Data data = open_data(argv[1]);
    const uint32_t threads = std::max(1u, std::thread::hardware_concurrency());
    const auto peer = open_peer(data, argv[2]);
    struct rusage usage;
    std::printf("{\"peer\": \"%s\", \"faiss\": \"%d.%d.%d\", \"bytes\": %llu, \"build_s\": %.1f, "
                "\"threads\": %u, \"points\": [",
                argv[2], FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH,
                static_cast<unsigned long long>(peer->bytes), peer->build_s, threads);
    bool first = true;
    for (int i = 3; i < argc; i++)
        if (std::strncmp(argv[i], "f:", 2) != 0) {
            measure(data, *peer, argv[i], threads, first);
            first = false;
        }
    std::printf("], \"filtered\": [");
    first = true;
    for (int i = 3; i < argc; i++)
        if (std::strncmp(argv[i], "f:", 2) == 0) {
            const std::string rest = argv[i] + 2;
            const size_t colon = rest.find(':');
            measure_filter(data, *peer, rest.substr(colon + 1), rest.substr(0, colon).c_str(), first);
            first = false;
        }
    getrusage(RUSAGE_SELF, &usage);
    std::printf("], \"peak_rss_bytes\": %llu}\n",
                static_cast<unsigned long long>(usage.ru_maxrss) * 1024);
}

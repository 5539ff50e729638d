package import Telemetry

/// What a cache does: `mlaas_cache_{hits,misses,evictions}_total{cache}`.
package struct CacheMetrics: Sendable {
    /// The caches that are counted. The raw value is the name in metrics.
    package enum Cache: String, Sendable { case tokens, callers, usage }

    package let hits: Counter
    /// What was not there, or too old to be used.
    package let misses: Counter
    /// What went because the cache was full.
    package let evictions: Counter

    package init(cache: Cache, factory: any MetricsFactory) {
        func counter(_ event: String) -> Counter {
            Counter(label: "mlaas_cache_\(event)_total", dimensions: [("cache", cache.rawValue)], factory: factory)
        }
        hits = counter("hits")
        misses = counter("misses")
        evictions = counter("evictions")
    }
}

package import Telemetry

/// What a cache does: `mlaas_cache_{hits,misses,evictions}_total{cache}`.
package struct CacheMetrics: Sendable {
    package let hits: Counter
    /// What was not there, or too old to be used.
    package let misses: Counter
    /// What went because the cache was full.
    package let evictions: Counter

    /// - Parameter cache: the cache's name, one of a closed set.
    package init(cache: String, factory: any MetricsFactory) {
        func counter(_ event: String) -> Counter {
            Counter(label: "mlaas_cache_\(event)_total", dimensions: [("cache", cache)], factory: factory)
        }
        hits = counter("hits")
        misses = counter("misses")
        evictions = counter("evictions")
    }
}

import HTTP
import HelperCore
import JSON

/// The usage of an API key, as the API writes it: the begins of the steps once, and the values of each metric in their order.
enum UsageEncoding {
    static func write(_ result: ReadUsage.Result, to writer: inout JSONWriter) {
        let period = result.usage.period
        writer.name("key")
        KeyEncoding.write(result.item, to: &writer)
        write("granularity", period.granularity.rawValue, to: &writer)
        write("since", HTTPDate.timestamp(period.since), to: &writer)
        write("until", HTTPDate.timestamp(period.end), to: &writer)
        write("as_of", HTTPDate.timestamp(result.usage.asOf), to: &writer)
        writer.name("starts")
        writer.beginArray()
        for start in period.starts { writer.string(HTTPDate.timestamp(start)) }
        writer.endArray()
        writer.name("metrics")
        writer.beginArray()
        for count in result.usage.counts { write(count, to: &writer) }
        writer.endArray()
    }

    private static func write(_ count: KeyUsage.Count, to writer: inout JSONWriter) {
        writer.beginObject()
        write("metric", count.metric.systemName, to: &writer)
        write("name", count.metric.name, to: &writer)
        if let unit = count.metric.unit { write("unit", unit, to: &writer) }
        if let parent = count.metric.parent { write("method_of", parent, to: &writer) }
        writer.name("total")
        writer.int(count.total)
        writer.name("values")
        writer.beginArray()
        for value in count.values { writer.int(value) }
        writer.endArray()
        writer.name("limits")
        writer.beginArray()
        for limit in count.limits {
            writer.beginObject()
            write("period", limit.period, to: &writer)
            writer.name("value")
            writer.int(limit.value)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ name: String, _ value: String, to writer: inout JSONWriter) {
        writer.name(name)
        writer.string(value)
    }
}

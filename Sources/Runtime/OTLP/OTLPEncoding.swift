import JSON
import Telemetry

/// `ExportTraceServiceRequest` in the JSON form of OTLP 1.x: protocol buffers' JSON, but ids in hexadecimal digits and
/// enumerations as numbers (opentelemetry-proto, "OTLP/HTTP, JSON Protobuf Encoding").
enum OTLPEncoding {
    static func encode(_ spans: [FinishedSpan], _ configuration: OTLPConfiguration) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("resourceSpans")
        writer.beginArray()
        writer.beginObject()
        writer.name("resource")
        writer.beginObject()
        write(
            [
                ("service.name", .string(configuration.serviceName)),
                ("service.version", .string(configuration.serviceVersion)),
                ("service.instance.id", .string(configuration.instanceID)),
                ("telemetry.sdk.name", .string(configuration.serviceName)), ("telemetry.sdk.language", "swift"),
            ], to: &writer)
        writer.endObject()
        writer.name("scopeSpans")
        writer.beginArray()
        writer.beginObject()
        writer.name("scope")
        writer.beginObject()
        writer.name("name")
        writer.string(configuration.serviceName)
        writer.name("version")
        writer.string(configuration.serviceVersion)
        writer.endObject()
        writer.name("spans")
        writer.beginArray()
        for span in spans { write(span, to: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ span: FinishedSpan, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("traceId")
        writer.string(span.context.traceID.description)
        writer.name("spanId")
        writer.string(span.context.spanID.description)
        if let state = span.context.traceState {
            writer.name("traceState")
            writer.string(state)
        }
        if let parent = span.parent {
            writer.name("parentSpanId")
            writer.string(parent.description)
        }
        writer.name("flags")
        writer.int(span.context.isSampled ? 1 : 0)
        writer.name("name")
        writer.string(span.name)
        writer.name("kind")
        writer.int(span.kind.rawValue)
        // 64-bit numbers are texts in protocol buffers' JSON.
        writer.name("startTimeUnixNano")
        writer.string(String(span.startTime))
        writer.name("endTimeUnixNano")
        writer.string(String(span.endTime))
        write(span.attributes, to: &writer)
        if span.status.code != .unset {
            writer.name("status")
            writer.beginObject()
            writer.name("code")
            writer.int(span.status.code.rawValue)
            if let message = span.status.message {
                writer.name("message")
                writer.string(message)
            }
            writer.endObject()
        }
        writer.endObject()
    }

    private static func write(_ attributes: [(key: String, value: SpanAttribute)], to writer: inout JSONWriter) {
        writer.name("attributes")
        writer.beginArray()
        for attribute in attributes {
            writer.beginObject()
            writer.name("key")
            writer.string(attribute.key)
            writer.name("value")
            writer.beginObject()
            switch attribute.value {
            case .string(let text):
                writer.name("stringValue")
                writer.string(text)
            case .integer(let number):
                writer.name("intValue")
                writer.string(String(number))
            case .bool(let flag):
                writer.name("boolValue")
                writer.bool(flag)
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
    }
}

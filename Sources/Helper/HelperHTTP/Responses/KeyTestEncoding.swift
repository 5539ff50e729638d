import HelperCore
import JSON

/// What a test of an API key came to, as the API writes it.
enum KeyTestEncoding {
    static func write(_ result: TestKey.Result, to writer: inout JSONWriter) {
        writer.name("key")
        KeyEncoding.write(result.item, to: &writer)
        let verdict = result.verdict
        writer.name("verdict")
        writer.string(verdict.word.rawValue)
        if let status = verdict.status {
            writer.name("status")
            writer.int(status)
        }
        if let latency = result.latencyMilliseconds {
            writer.name("latency_ms")
            writer.int(latency)
        }
        if let url = result.url {
            writer.name("url")
            writer.string(url)
        }
        writer.name("explanation")
        writer.string(verdict.explanation)
        writer.name("advice")
        writer.string(verdict.advice)
        guard let models = verdict.models else { return }
        writer.name("models")
        writer.beginArray()
        for model in models { writer.string(model) }
        writer.endArray()
    }
}

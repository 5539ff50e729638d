/// The text exposition format 0.0.4 of Prometheus, written as bytes: a scrape must not hold a loop for long.
enum PrometheusText {
    /// `[a-zA-Z_][a-zA-Z0-9_]*`; colons are for recording rules.
    static func isName(_ name: String) -> Bool {
        var isFirst = true
        for byte in name.utf8 {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x5F: break
            case 0x30...0x39 where !isFirst: break
            default: return false
            }
            isFirst = false
        }
        return !isFirst
    }

    /// `name="value",name="value"`.
    static func labels(_ labels: [(String, String)]) -> [UInt8] {
        var text: [UInt8] = []
        for (name, value) in labels {
            if !text.isEmpty { text.append(0x2C) }
            text.append(contentsOf: name.utf8)
            text.append(contentsOf: [0x3D, 0x22])
            append(escaped: value, quotes: true, to: &text)
            text.append(0x22)
        }
        return text
    }

    static func appendHead(_ name: String, help: String?, type: String, to text: inout [UInt8]) {
        if let help {
            text.append(contentsOf: "# HELP \(name) ".utf8)
            append(escaped: help, quotes: false, to: &text)
            text.append(0x0A)
        }
        text.append(contentsOf: "# TYPE \(name) \(type)\n".utf8)
    }

    static func append(_ value: Int64, of name: String, _ labels: [UInt8], to text: inout [UInt8]) {
        appendStart(name, labels, to: &text)
        append(value, to: &text)
        text.append(0x0A)
    }

    static func append(_ value: Double, of name: String, _ labels: [UInt8], to text: inout [UInt8]) {
        appendStart(name, labels, to: &text)
        append(value, to: &text)
        text.append(0x0A)
    }

    /// A histogram's lines up to their values, made once.
    struct HistogramLines: Sendable {
        private let buckets: [[UInt8]]
        private let sum: [UInt8]
        private let count: [UInt8]

        init(_ name: String, _ labels: [UInt8], _ bounds: [Double]) {
            buckets = (bounds + [.infinity]).map { bound in
                var label: [UInt8] = labels.isEmpty ? [] : labels + [0x2C]
                label.append(contentsOf: "le=\"".utf8)
                PrometheusText.append(bound, to: &label)
                label.append(0x22)
                return PrometheusText.start("\(name)_bucket", label)
            }
            sum = PrometheusText.start("\(name)_sum", labels)
            count = PrometheusText.start("\(name)_count", labels)
        }

        func append(_ read: (buckets: [Int64], count: Int64, sum: Double), to text: inout [UInt8]) {
            for (line, value) in zip(buckets, read.buckets + [read.count]) {
                text.append(contentsOf: line)
                PrometheusText.append(value, to: &text)
                text.append(0x0A)
            }
            text.append(contentsOf: sum)
            PrometheusText.append(read.sum, to: &text)
            text.append(0x0A)
            text.append(contentsOf: count)
            PrometheusText.append(read.count, to: &text)
            text.append(0x0A)
        }
    }

    private static func start(_ name: String, _ labels: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        appendStart(name, labels, to: &text)
        return text
    }

    /// `name{labels} `.
    private static func appendStart(_ name: String, _ labels: [UInt8], to text: inout [UInt8]) {
        text.append(contentsOf: name.utf8)
        if !labels.isEmpty {
            text.append(0x7B)
            text.append(contentsOf: labels)
            text.append(0x7D)
        }
        text.append(0x20)
    }

    private static func append(escaped value: String, quotes: Bool, to text: inout [UInt8]) {
        for byte in value.utf8 {
            switch byte {
            case 0x5C: text.append(contentsOf: [0x5C, 0x5C])
            case 0x0A: text.append(contentsOf: [0x5C, 0x6E])
            case 0x22 where quotes: text.append(contentsOf: [0x5C, 0x22])
            default: text.append(byte)
            }
        }
    }

    private static func append(_ value: Int64, to text: inout [UInt8]) {
        guard value >= 0 else {
            text.append(contentsOf: String(value).utf8)
            return
        }
        let start = text.count
        var rest = value
        repeat {
            text.append(0x30 + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        text[start...].reverse()
    }

    private static func append(_ value: Double, to text: inout [UInt8]) {
        if value.isNaN {
            text.append(contentsOf: "NaN".utf8)
        } else if value.isInfinite {
            text.append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8)
        } else if value == value.rounded(), abs(value) < 1e15 {
            append(Int64(value), to: &text)
        } else {
            text.append(contentsOf: value.description.utf8)
        }
    }
}

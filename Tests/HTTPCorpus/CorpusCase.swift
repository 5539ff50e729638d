import Glibc

/// One case of the corpus: bytes of a connection, and what must be made of them.
package struct CorpusCase: Sendable, CustomStringConvertible {
    package let name: String
    /// The section that decides it, such as `RFC 9112 §2.2`.
    package let section: String
    /// The file's name without its extension.
    package let topic: String
    fileprivate(set) var lines: [String] = []
    fileprivate(set) var outcomes: [(values: Set<UInt8>, lines: [String])] = []

    package var description: String { "\(name) (\(section))" }

    /// What must be made of one input.
    package struct Outcome: Sendable, Equatable {
        package struct Request: Sendable, Equatable {
            package var method: String
            package var target: [UInt8]
            package var body: [UInt8] = []
            /// `name: value`; only those that the case names.
            package var fields: [[UInt8]] = []
            package var closes = false
        }

        package var requests: [Request] = []
        package var continues = false
        /// `STATUS reason`.
        package var refusal: String?
        package var waits = false
    }

    /// The inputs of the case with their outcomes: one, or 256 where a byte varies.
    package func inputs() throws -> [(value: UInt8?, bytes: [UInt8], outcome: Outcome)] {
        let isSweep = lines.contains { $0.contains("\\?") }
        let values: [UInt8?] = isSweep ? (UInt8.min...UInt8.max).map { $0 } : [nil]
        return try values.map { value in
            let bytes = try lines.flatMap { try CorpusText.decode($0.utf8, value: value) }
            guard let lines = outcomes.first(where: { outcome in value.map(outcome.values.contains) ?? true })?.lines
            else { throw CorpusText.FormError(description: "\(name): no outcome for \(value ?? 0)") }
            return (value, bytes, try Self.outcome(lines, value))
        }
    }

    private static func outcome(_ lines: [String], _ value: UInt8?) throws -> Outcome {
        var outcome = Outcome()
        for line in lines {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            let rest = parts.count > 1 ? parts[1] : ""
            let last = outcome.requests.count - 1
            switch parts[0] {
            case "refused": outcome.refusal = rest
            case "100": outcome.continues = true
            case "waits": outcome.waits = true
            case "closes": outcome.requests[last].closes = true
            case "body": outcome.requests[last].body = try CorpusText.decode(rest.utf8, value: value)
            case "field": outcome.requests[last].fields.append(try CorpusText.decode(rest.utf8, value: value))
            default:
                let method = try CorpusText.decode(parts[0].utf8, value: value)
                outcome.requests.append(
                    .init(
                        method: String(decoding: method, as: UTF8.self),
                        target: try CorpusText.decode(rest.utf8, value: value)))
            }
        }
        return outcome
    }
}

extension MachineRun {
    /// What the machine made of an input in the words of a case: of the fields only those that the case names.
    package func outcome(naming expected: CorpusCase.Outcome) -> CorpusCase.Outcome {
        var outcome = CorpusCase.Outcome()
        for (index, request) in requests.enumerated() {
            let named = index < expected.requests.count ? expected.requests[index].fields : []
            let all = request.fields.map { $0.name + Array(": ".utf8) + $0.value }
            outcome.requests.append(
                .init(
                    method: request.method, target: Array(request.target.utf8), body: request.body,
                    fields: named.filter(all.contains), closes: !request.keepsAlive))
        }
        outcome.continues = events.contains(.continueExpected)
        outcome.refusal = refusal.map { "\($0.status) \($0.reason)" }
        outcome.waits = isWaiting
        return outcome
    }
}

extension CorpusCase {
    /// Every case of `Tests/Corpus/HTTP`, read anew. Traps on a file that is malformed or missing, for a test that reads
    /// nothing would pass.
    package static func all(beside file: String = #filePath) -> [CorpusCase] {
        let tests = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let folder = tests + "/Corpus/HTTP"
        let cases = fileNames(folder).flatMap { name in
            do {
                return try read(content(folder + "/" + name), topic: String(name.dropLast(4)))
            } catch {
                fatalError("\(name): \(error)")
            }
        }
        precondition(cases.count > 100, "\(folder) holds \(cases.count) cases")
        return cases
    }

    private static func read(_ text: String, topic: String) throws -> [CorpusCase] {
        var cases: [CorpusCase] = []
        for line in text.split(separator: "\n").map(String.init) where !line.hasPrefix("#") {
            if line.hasPrefix("== ") {
                cases.append(CorpusCase(name: String(line.dropFirst(3)), section: "", topic: topic))
                continue
            }
            guard !cases.isEmpty else { throw CorpusText.FormError(description: "before the first case: \(line)") }
            let last = cases.count - 1
            if line.hasPrefix("| ") {
                cases[last].lines.append(String(line.dropFirst(2)))
            } else if line.hasPrefix("["), line.hasSuffix("]") {
                cases[last].outcomes.append((try CorpusText.values(String(line.dropFirst().dropLast())), []))
            } else if line.hasPrefix("-> ") {
                if cases[last].outcomes.isEmpty { cases[last].outcomes.append((try CorpusText.values("else"), [])) }
                cases[last].outcomes[cases[last].outcomes.count - 1].lines.append(String(line.dropFirst(3)))
            } else if cases[last].section.isEmpty {
                cases[last] = CorpusCase(name: cases[last].name, section: line, topic: topic)
            } else {
                throw CorpusText.FormError(description: "neither bytes nor an outcome: \(line)")
            }
        }
        return cases
    }

    private static func fileNames(_ folder: String) -> [String] {
        guard let directory = opendir(folder) else { fatalError("\(folder): \(errno)") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0.hasSuffix(".txt") }.sorted()
    }

    private static func content(_ path: String) -> String {
        guard let file = fopen(path, "r") else { fatalError("\(path): \(errno)") }
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { content += buffer[..<count] }
        return String(decoding: content, as: UTF8.self)
    }
}

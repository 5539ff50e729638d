import EventLoop
import JSON

/// The terminal, or what stands in its place: data on standard output, everything that is said to people on standard error.
struct Console: Sendable {
    let isOutputTerminal: Bool
    let isErrorTerminal: Bool
    /// Columns of the terminal on standard output; nil cuts nothing.
    let columns: Int?
    let usesColor: Bool
    let usesSpinner: Bool

    /// - Parameter environment: `NO_COLOR` and `TERM=dumb` turn colours off, the latter the spinner too.
    init(environment: [String: String]) {
        isOutputTerminal = StandardStreams.outputIsTerminal
        isErrorTerminal = Terminal.errorIsTerminal
        columns = Terminal.columns
        let isDumb = environment["TERM"] == "dumb"
        usesColor = isOutputTerminal && environment["NO_COLOR", default: ""].isEmpty && !isDumb
        usesSpinner = isErrorTerminal && !isDumb
    }

    // MARK: Data

    /// Writes lines to standard output.
    func output(_ text: String) throws(CommandFailure) {
        let code = StandardStreams.output(bytes: Array((text + "\n").utf8))
        if code != 0 {
            throw CommandFailure(.failed, "Standard output cannot be written: \(Programs.words(code)).")
        }
    }

    func output(json value: JSONValue) throws(CommandFailure) {
        try output(Self.text(value))
    }

    /// Returns JSON that a terminal shows and does not obey: what `printable` leaves out stands there as an escape.
    static func text(_ value: JSONValue) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for scalar in String(decoding: value.encoded(pretty: true), as: UTF8.self).unicodeScalars {
            if scalar != "\n", isObeyed(scalar) {
                let value = Int(scalar.value)
                text += "\\u" + String([12, 8, 4, 0].map { digits[value >> $0 & 15] })
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    func output(_ table: Table) throws(CommandFailure) {
        try output(table.text(columns: columns, usesColor: usesColor))
    }

    // MARK: Talk

    /// Writes lines for people to standard error, without what a terminal would obey.
    func say(_ text: String) { StandardStreams.error(Self.printableLines(text)) }

    /// Says why the command failed.
    func report(_ failure: CommandFailure) {
        say("mlaas: \(Self.printable(failure.message))")
        for hint in failure.hints { say("  \(Self.printable(hint))") }
    }

    /// Returns text of a server without what a terminal would obey.
    static func printable(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            shown.unicodeScalars.append(isObeyed(scalar) ? " " : scalar)
        }
        return shown
    }

    /// Whether a scalar is a control character, or turns the direction of text around.
    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Returns text of several lines, each of them printable.
    static func printableLines(_ text: String) -> String {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
            .joined(separator: "\n")
    }

    // MARK: Waiting

    /// Shows a spinner on a terminal that can move its cursor, while the work lasts.
    func waiting<Value: Sendable>(
        _ text: String, _ work: @escaping @Sendable () async -> Value
    ) async -> Value {
        guard usesSpinner else { return await work() }
        let spinner = Task {
            let frames = ["|", "/", "-", "\\"]
            var turn = 0
            // Short work shows nothing.
            try? await Task.sleep(for: .milliseconds(400))
            while !Task.isCancelled {
                StandardStreams.offerToError(Array("\r\(frames[turn % frames.count]) \(text)".utf8))
                turn += 1
                try? await Task.sleep(for: .milliseconds(120))
            }
            if turn > 0 { StandardStreams.offerToError(Array("\r\u{1B}[K".utf8)) }
        }
        let value = await work()
        spinner.cancel()
        await spinner.value
        return value
    }
}

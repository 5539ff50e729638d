import Bytes
import HTTP
import HTTPClient

/// Sends requests, and again where that is safe and likely to help.
struct HTTPSender: Sendable {
    private static let attemptsMax = 3
    /// A server that wants us to wait longer is obeyed by ending, not by hanging.
    private static let waitSecondsMax = 10
    private static let pauses = [Duration.milliseconds(200), .milliseconds(600)]

    let client: HTTPClient

    /// Returns the last answer.
    /// - Parameters:
    ///   - isRepeatable: whether the same request twice does no more than once.
    ///   - server: who is asked, for the message.
    func send(
        _ request: HTTPClientRequest, isRepeatable: Bool, server: String
    ) async throws(CommandFailure) -> HTTPClientResponse {
        for attempt in 1... {
            let isLast = attempt == Self.attemptsMax
            do throws(HTTPClientError) {
                let response = try await client.execute(request)
                guard !isLast, isRepeatable, let pause = Self.pause(response, attempt) else { return response }
                try? await Task.sleep(for: pause)
            } catch {
                let isSafe = isRepeatable || !error.requestMayHaveBeenProcessed
                guard !isLast, isSafe, Self.mayHelp(error) else { throw Self.failure(error, server) }
                try? await Task.sleep(for: Self.pauses[attempt - 1])
            }
        }
        throw CommandFailure(.failed, "No request was sent.")
    }

    /// How long to wait before an answer's request is sent again; nil for one that stands.
    private static func pause(_ response: HTTPClientResponse, _ attempt: Int) -> Duration? {
        guard [429, 503, 504].contains(response.status.code) else { return nil }
        if response.status.code == 504, attempt > 1 { return nil }
        guard let text = response.fields["retry-after"] else { return pauses[attempt - 1] }
        guard let seconds = ForeignNumber(text)?.within(0...waitSecondsMax) else { return nil }
        return max(.seconds(seconds), pauses[attempt - 1])
    }

    /// A second attempt after the time was up would double the wait, and one after a refused certificate changes nothing.
    private static func mayHelp(_ error: HTTPClientError) -> Bool {
        switch error {
        case .connectFailed, .connectionLost: true
        default: false
        }
    }

    private static func failure(_ error: HTTPClientError, _ server: String) -> CommandFailure {
        switch error {
        case .tlsFailed:
            return CommandFailure(
                .unreachable, "\(server): \(error).", hints: ["\(error.advice(setting: "the URL"))."])
        case .connectFailed, .timeout, .queueTimeout, .connectionLost, .malformedResponse:
            return CommandFailure(
                .unreachable, "\(server) cannot be reached: \(error).",
                hints: ["Check the URL, your network, and HTTPS_PROXY, HTTP_PROXY and NO_PROXY."])
        case .responseTooLarge, .invalidRequest, .cancelled, .shutDown:
            return CommandFailure(.failed, "\(server): \(error).")
        }
    }
}

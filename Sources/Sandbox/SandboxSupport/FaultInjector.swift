import EventLoop
import HTTP
package import HTTPServer
import Synchronization

/// A responder that misbehaves on demand, in front of one that behaves; it also keeps a journal of what was asked.
package final class FaultInjector: Responder {
    /// One request that came by.
    package struct Entry: Sendable, Equatable {
        package let method: String
        /// Without the query, which may hold secrets.
        package let path: String
        /// 0 when no answer was given.
        package let status: Int
    }

    private struct State: Sendable {
        var faults: [Fault] = []
        var journal: [Entry] = []
        var total = 0
        var applied = 0
        var random: SplitMix
    }

    private static let journalMax = 10_000

    private let inner: any Responder
    private let state: Mutex<State>

    /// - Parameter seed: for faults with a probability: the same seed misbehaves the same way.
    package init(_ inner: any Responder, seed: UInt64 = 1) {
        self.inner = inner
        state = Mutex(State(random: SplitMix(seed: seed)))
    }

    // MARK: Control

    /// The first fault that matches a request is applied.
    package var faults: [Fault] {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    package func add(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    /// The last requests, oldest first.
    package var journal: [Entry] { state.withLock { $0.journal } }

    /// Requests so far, and how many of them met a fault.
    package var counts: (requests: Int, faults: Int) { state.withLock { ($0.total, $0.applied) } }

    package func clearJournal() {
        state.withLock {
            $0.journal = []
            $0.total = 0
            $0.applied = 0
        }
    }

    package func reseed(_ seed: UInt64) { state.withLock { $0.random = SplitMix(seed: seed) } }

    // MARK: Requests

    package func respond(to request: Request) -> Answer {
        let method = request.method.rawValue
        let path = request.path
        guard let fault = choose(method, path) else {
            return inner.respond(to: request).map { [self] in note(method, path, $0) }
        }
        return apply(fault, request).map { [self] in note(method, path, $0) }
    }

    private func choose(_ method: String, _ path: String) -> Fault? {
        state.withLock { state in
            for index in state.faults.indices where state.faults[index].matches(method, path) {
                let fault = state.faults[index]
                if fault.probability < 1, state.random.fraction() >= fault.probability { continue }
                if let remaining = fault.remaining {
                    if remaining <= 1 {
                        state.faults.remove(at: index)
                    } else {
                        state.faults[index].remaining = remaining - 1
                    }
                }
                state.applied += 1
                return fault
            }
            return nil
        }
    }

    private func apply(_ fault: Fault, _ request: Request) -> Answer {
        var instead = Response.json(Array(fault.body.utf8), status: HTTPStatus(code: fault.status))
        if let retryAfter = fault.retryAfterText(now: wallClockSeconds()) { instead.fields["retry-after"] = retryAfter }
        let refusal = instead
        switch fault.kind {
        case .status: return .now(refusal)
        case .statusAfterCommit: return inner.respond(to: request).map { _ in refusal }
        case .drop: return .now(.dropped)
        case .dropAfterCommit: return inner.respond(to: request).map { _ in .dropped }
        case .html:
            return .now(
                .text(
                    "<html><body><h1>\(fault.status)</h1></body></html>", status: HTTPStatus(code: fault.status),
                    contentType: "text/html"))
        case .redirect:
            return .now(Response(status: .found, fields: HTTPFields([("location", fault.body)])))
        case .empty:
            return inner.respond(to: request).map { answer in
                Response(status: answer.status, fields: answer.fields)
            }
        case .truncate:
            return inner.respond(to: request).map { $0.truncated(bodyBytes: $0.body.count / 2) }
        case .malformed:
            return inner.respond(to: request).map { answer in
                var answer = answer
                answer.body = Array(answer.body.prefix(answer.body.count / 2))
                return answer
            }
        case .drip:
            return inner.respond(to: request).map {
                $0.paced(chunk: 16, every: .milliseconds(max(1, fault.delayMilliseconds)))
            }
        case .latency:
            return .later { [inner] in
                try? await EventLoop.current?.sleep(for: .milliseconds(fault.delayMilliseconds))
                return await inner.respond(to: request).response()
            }
        }
    }

    private func note(_ method: String, _ path: String, _ response: Response) -> Response {
        state.withLock { state in
            state.total += 1
            if state.journal.count >= Self.journalMax { state.journal.removeFirst(Self.journalMax / 2) }
            state.journal.append(Entry(method: method, path: path, status: response.status.code))
        }
        return response
    }
}

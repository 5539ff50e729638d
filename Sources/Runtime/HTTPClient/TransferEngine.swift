import Crypto
import EventLoop

/// The part of a client on one loop: the multi handle that new transfers go to, and those that only finish what they have.
/// Loop-confined; nothing is made before the first request.
final class TransferEngine {
    private let loop: EventLoop
    private let configuration: HTTPClientConfiguration
    private let metrics: HTTPClientMetrics?
    private var trust: TLSTrust?
    private var current: MultiHandle?
    private var retiring: [ObjectIdentifier: MultiHandle] = [:]
    private var isShutDown = false

    init(loop: EventLoop, configuration: HTTPClientConfiguration, trust: TLSTrust?, metrics: HTTPClientMetrics?) {
        self.loop = loop
        self.configuration = configuration
        self.trust = trust
        self.metrics = metrics
    }

    func start(
        _ transfer: Transfer,
        _ continuation: CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>
    ) {
        transfer.begin(continuation)
        if transfer.isCancelled {
            transfer.finish(.failure(.cancelled))
        } else if isShutDown {
            transfer.finish(.failure(.shutDown))
        } else if let multi = current ?? open() {
            multi.start(transfer)
        } else {
            transfer.finish(.failure(.connectFailed("out of memory")))
        }
    }

    func cancel(_ transfer: Transfer) {
        transfer.markCancelled()
        transfer.multi?.end(transfer, .failure(.cancelled))
    }

    private func open() -> MultiHandle? {
        current = MultiHandle(loop: loop, configuration: configuration, trust: trust, metrics: metrics) {
            [weak self] closed in
            guard let self else { return }
            retiring[ObjectIdentifier(closed)] = nil
            if current === closed { current = nil }
        }
        return current
    }

    /// From now on peers must lead to these roots. No connection or TLS session of before is used again.
    func replaceTrust(with trust: TLSTrust?) {
        self.trust = trust
        guard let current else { return }
        self.current = nil
        retiring[ObjectIdentifier(current)] = current
        current.retire()
    }

    func shutdown() {
        isShutDown = true
        for multi in retiring.values { multi.close(.shutDown) }
        current?.close(.shutDown)
    }
}

import CUV
import Glibc

/// One attempt to reach a peer: its name is looked up, its addresses are tried in the resolver's order, all within one
/// time limit. Used on one loop's thread only.
package final class TCPConnector {
    private let loop: EventLoop
    private let timeout: Duration
    private let started = EventLoop.nanoseconds()
    private var done: ((Result<TCPConnection, UVError>) -> Void)?
    private var lookup: NameLookup?
    private var addresses: ArraySlice<NameLookup.Address> = []
    private var attempt: (descriptor: Int32, watcher: DescriptorWatcher)?
    private var timer: LoopTimer?
    private var lastError = UVError.timedOut

    /// Begins.
    /// - Parameters:
    ///   - host: a name or a numeric address, without brackets.
    ///   - port: 1...65535.
    ///   - timeout: for everything; each address gets its share of what is left.
    ///   - done: told once, on a later turn, unless `cancel` comes first. On failure with the last address' error.
    package init(
        loop: EventLoop, host: String, port: Int, timeout: Duration,
        done: @escaping (Result<TCPConnection, UVError>) -> Void
    ) {
        loop.preconditionInLoop()
        self.loop = loop
        self.timeout = timeout
        self.done = done
        let timer = LoopTimer(loop: loop) { [weak self] in self?.timeIsUp() }
        self.timer = timer
        timer.start(after: timeout)
        do throws(UVError) {
            lookup = try NameLookup.start(loop: loop, host: host, port: port) { [weak self] in self?.found($0) }
        } catch {
            lastError = error
            timer.start(after: .zero)
        }
    }

    /// Gives up; `done` is not told. Safe to repeat.
    package func cancel() {
        loop.preconditionInLoop()
        done = nil
        end()
    }

    private func found(_ result: Result<[NameLookup.Address], UVError>) {
        lookup = nil
        switch result {
        case .success(let found):
            addresses = found[...]
            tryNext()
        case .failure(let error): finish(.failure(error))
        }
    }

    private func tryNext() {
        endAttempt()
        guard let address = addresses.popFirst() else {
            finish(.failure(lastError))
            return
        }
        do throws(UVError) {
            let descriptor = try Self.beginConnecting(to: address)
            do throws(UVError) {
                let watcher = try DescriptorWatcher(loop: loop, descriptor: descriptor) { [weak self] _ in
                    self?.settled()
                }
                attempt = (descriptor, watcher)
                watcher.watch(.writable)
            } catch {
                Glibc.close(descriptor)
                throw error
            }
            timer?.start(after: remaining / (addresses.count + 1))
        } catch {
            lastError = error
            tryNext()
        }
    }

    private var remaining: Duration { timeout - .nanoseconds(Int64(clamping: EventLoop.nanoseconds() &- started)) }

    /// A socket whose connection is under way, or made already.
    private static func beginConnecting(to address: NameLookup.Address) throws(UVError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw .last }
        var storage = address.storage
        let status = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, address.length)
            }
        }
        // An interrupted connect goes on in the background, as one that would block does.
        guard status == 0 || lastErrno() == EINPROGRESS || lastErrno() == EINTR else {
            let error = UVError.last
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The socket is writable: connected, or failed.
    private func settled() {
        guard let (descriptor, watcher) = attempt else { return }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard status == 0, code == 0 else {
            lastError = status == 0 ? UVError(-code) : .last
            tryNext()
            return
        }
        attempt = nil
        watcher.close()
        do throws(UVError) {
            finish(.success(try TCPConnection(loop: loop, socket: AcceptedSocket(descriptor: descriptor))))
        } catch {
            finish(.failure(error))
        }
    }

    private func timeIsUp() {
        if attempt != nil { lastError = .timedOut }
        if addresses.isEmpty || remaining <= .zero { finish(.failure(lastError)) } else { tryNext() }
    }

    private func finish(_ result: Result<TCPConnection, UVError>) {
        let done = done
        self.done = nil
        end()
        done?(result)
    }

    private func endAttempt() {
        guard let (descriptor, watcher) = attempt else { return }
        attempt = nil
        watcher.close()
        Glibc.close(descriptor)
    }

    private func end() {
        lookup?.cancel()
        lookup = nil
        endAttempt()
        timer?.close()
        timer = nil
    }
}

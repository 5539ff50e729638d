import EventLoop

/// Sends bytes in chunks with pauses between them: how an imitated slow server answers. Loop-confined.
final class PacedWriter {
    private let tcp: any ByteStream
    private let bytes: [UInt8]
    private let chunk: Int
    private var sent = 0
    private var timer: LoopTimer?
    private var done: (() -> Void)?

    init(
        loop: EventLoop, bytes: [UInt8], chunk: Int, every interval: Duration, to tcp: any ByteStream,
        done: @escaping () -> Void
    ) {
        self.tcp = tcp
        self.bytes = bytes
        self.chunk = max(1, chunk)
        self.done = done
        let timer = LoopTimer(loop: loop) { [weak self] in self?.step() }
        self.timer = timer
        timer.start(after: .zero, every: max(interval, .milliseconds(1)))
    }

    /// Bytes that wait here, not counting those the stream has.
    var unsentBytes: Int { bytes.count - sent }

    private func step() {
        let end = min(sent + chunk, bytes.count)
        tcp.write(Array(bytes[sent..<end]))
        sent = end
        guard sent == bytes.count else { return }
        let done = done
        stop()
        done?()
    }

    /// Sends nothing more; safe to repeat.
    func stop() {
        timer?.close()
        timer = nil
        done = nil
    }
}

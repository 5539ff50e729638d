import EventLoop
import HTTPServer

/// Sends bytes in chunks with pauses between them: how an imitated slow server answers. Loop-confined.
final class PacedWriter: ResponseWriter {
    private let answer: OutgoingResponse
    private let chunk: Int
    private var sent = 0
    private var timer: LoopTimer?

    init(_ answer: OutgoingResponse, chunk: Int, every interval: Duration) {
        self.answer = answer
        self.chunk = max(1, chunk)
        let timer = LoopTimer(loop: answer.loop) { [weak self] in self?.step() }
        self.timer = timer
        timer.start(after: .zero, every: max(interval, .milliseconds(1)))
    }

    var unsentBytes: Int { answer.bytes.count - sent }

    private func step() {
        let end = min(sent + chunk, answer.bytes.count)
        answer.stream.write(Array(answer.bytes[sent..<end]))
        sent = end
        guard sent == answer.bytes.count else { return }
        stop()
        answer.finish()
    }

    func stop() {
        timer?.close()
        timer = nil
    }
}

import EventLoop
import HTTP
package import HTTPServer

// Answers that leave as no working server would send them.
extension Response {
    /// No answer: the connection is reset. Its status is 0.
    package static var dropped: Response {
        var response = Response(status: HTTPStatus(code: 0))
        response.makeWriter = { answer in
            answer.stream.abort()
            return nil
        }
        return response
    }

    /// The same answer in chunks of that many bytes, with a pause of `interval` between them.
    package func paced(chunk: Int, every interval: Duration) -> Response {
        var response = self
        response.makeWriter = { PacedWriter($0, chunk: chunk, every: interval) }
        return response
    }

    /// The head and so many bytes of the body; then the connection ends.
    package func truncated(bodyBytes: Int) -> Response {
        var response = self
        response.makeWriter = { answer in
            let missing = max(0, answer.bodyBytes - bodyBytes)
            answer.stream.write(Array(answer.bytes.dropLast(missing)))
            answer.stream.shutdownSending()
            answer.stream.close()
            return nil
        }
        return response
    }
}

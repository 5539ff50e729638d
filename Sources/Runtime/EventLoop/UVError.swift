import CUV

/// An error code of libuv, which is a negated `errno` or one of its own numbers.
package struct UVError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Negative.
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// The error of the last system call on this thread.
    static var last: UVError { UVError(-lastErrno()) }

    /// The short name and libuv's words, such as `EADDRINUSE: address already in use`.
    package var description: String {
        unsafe "\(String(cString: uv_err_name(code))): \(String(cString: uv_strerror(code)))"
    }

    package static let addressInUse = UVError(UV_EADDRINUSE.rawValue)
    package static let tryAgain = UVError(UV_EAGAIN.rawValue)
    package static let endOfFile = UVError(UV_EOF.rawValue)
    package static let timedOut = UVError(UV_ETIMEDOUT.rawValue)
}
